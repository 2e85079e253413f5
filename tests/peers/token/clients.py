"""The identity client of UiPath's Python package gets tokens from the sandbox. `harness.py` beside this file starts it.

    clients.py ORIGIN

Each token is shown to be good by a call of the SDK; a wrong secret and a used-up refresh token must be refused.
"""

import sys

import httpx
from uipath.platform import UiPath
from uipath.platform.identity import IdentityService

CLIENT = "sandbox-client"
SCOPE = "OR.Jobs OR.Execution.Read OR.Folders.Read"


def refused(what: str, ask, *arguments: str) -> str:
    try:
        ask(*arguments)
    except httpx.HTTPStatusError as failure:
        return f"{failure.response.status_code} {failure.response.json()['error']}"
    raise SystemExit(f"python: {what} was let in")


def main(origin: str) -> None:
    identity = IdentityService(f"{origin}/acme")

    def opens(token: str) -> int:
        return len(UiPath(base_url=f"{origin}/acme/acmeprod", secret=token).jobs.list(folder_path="Shared").items)

    wrong = refused("a wrong secret", identity.get_client_credentials_token, CLIENT, "wrong", SCOPE)
    opens(identity.get_client_credentials_token(CLIENT, "sandbox-secret", SCOPE).access_token)
    first = identity.refresh_access_token("sandbox-refresh-token", CLIENT)
    second = identity.refresh_access_token(first.refresh_token, CLIENT)
    jobs = opens(second.access_token)
    used = refused("a used refresh token", identity.refresh_access_token, first.refresh_token, CLIENT)
    print(
        f"figure: uipath IdentityService: client_credentials and two rotations, {jobs} jobs listed,"
        f" wrong secret {wrong}, used token {used}"
    )


match sys.argv[1:]:
    case [origin]:
        main(origin)
    case _:
        raise SystemExit(__doc__)
