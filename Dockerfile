# Two stages: the first builds wheels; the second runs the service without a compiler, as an unprivileged user.
ARG PYTHON_IMAGE=python:3.12-slim
FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/bridge && /opt/bridge/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY bridge bridge
COPY rules rules
COPY tasks tasks
RUN /opt/bridge/bin/pip install --no-cache-dir --no-deps .

FROM ${PYTHON_IMAGE}
RUN useradd --system --uid 10001 --home-dir /home/bridge --create-home bridge
COPY --from=build /opt/bridge /opt/bridge
COPY Procfile /home/bridge/Procfile
ENV PATH=/opt/bridge/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    BRIDGE_HOME=/home/bridge/network \
    BRIDGE_LOG=json \
    BRIDGE_BIND=0.0.0.0
USER bridge
WORKDIR /home/bridge
EXPOSE 8000
# A container listens on all its addresses; publish its port to decide who can reach it.
CMD ["python", "-P", "-m", "bridge.web.server"]
