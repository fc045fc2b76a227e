"""People who sign in through an identity provider."""

from dataclasses import replace
from urllib.parse import urlsplit

import httpx
from console_users import Browser, new_app
from identity import CLIENT, SECRET

from bridge.services.container import Services


def with_login(network, provider, **more):
    oidc = {
        "issuer": provider.address,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "label": "Example ID",
        "roles": {"claim": "groups", "map": {"network-ops": "operator", "platform": "admin", "sales": "viewer"}},
    } | more
    services = Services(replace(network.services.settings, login={"oidc": oidc}), store=network.services.store)
    return new_app(services)


class Guest(Browser):
    """A browser that goes to the provider and comes back."""

    trusts = True  # the certificates of this machine

    def leave(self, path="/login/oidc"):
        """Go to the provider; the address that it sends the browser back to."""
        found = self.get(path)
        assert found.status_code == 302, found.get_data(as_text=True)
        answer = httpx.get(found.headers["Location"], verify=self.trusts)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def come_back(self, address):
        parts = urlsplit(address)
        return self.get(f"{parts.path}?{parts.query}")

    def come_in(self):
        return self.come_back(self.leave())
