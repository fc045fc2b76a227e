# Two stages: wheels are built with a compiler's image, and the service runs without one, as nobody in particular.
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
# A container listens on all its addresses; what reaches it is decided by whoever publishes the port.
CMD ["python", "-P", "-m", "bridge.web.server"]
