"""The vendor's Python SDK against the practice vault and tenant: argv is places.json, the vault's name and the credential.

Every step is asserted; the exit status is the answer. Challenge verification stays on: it compares the vault's authority, with its port,
so the vault has its usual address without one, and only the connection goes elsewhere.
"""
import json
import os
import sys

import urllib3.util.connection as connection
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity import ClientSecretCredential, ManagedIdentityCredential, WorkloadIdentityCredential
from azure.keyvault.secrets import SecretClient

places, vault, credential = json.load(open(sys.argv[1])), sys.argv[2], sys.argv[3]
os.environ["REQUESTS_CA_BUNDLE"] = places["ca"]
plain = connection.create_connection


def here(address, *args, **kwargs):
    host, port = address
    return plain(("127.0.0.1", places["vault_port"] if host.endswith(".vault.azure.net") else port), *args, **kwargs)


connection.create_connection = here
common = {"authority": places["authority"], "disable_instance_discovery": True}
if credential == "secret":
    proof = ClientSecretCredential(places["tenant"], places["client_id"], places["client_secret"], **common)
elif credential == "identity":
    os.environ["IDENTITY_ENDPOINT"], os.environ["IDENTITY_HEADER"] = places["identity_endpoint"], places["identity_header"]
    proof = ManagedIdentityCredential()
else:
    file = places["federated_token_file"]
    proof = WorkloadIdentityCredential(
        tenant_id=places["tenant"], client_id=places["client_id"], token_file_path=file, **common
    )
client = SecretClient(f"https://{vault}.vault.azure.net", proof)


def refused(kind, status, call):
    try:
        call()
    except kind as error:
        assert error.status_code == status, error
        return error
    raise AssertionError(f"not refused with {status}")


made = [client.set_secret("dek", value).properties.version for value in "abc"]
latest = client.get_secret("dek")
assert (latest.value, latest.properties.version) == ("c", made[2]), latest
assert client.get_secret("dek", made[0]).value == "a"
listed = [found.version for found in client.list_properties_of_secret_versions("dek", max_page_size=1)]
assert sorted(listed) == sorted(made), listed
client.update_secret_properties("dek", made[0], enabled=False)
error = refused(HttpResponseError, 403, lambda: client.get_secret("dek", made[0]))
assert error.error.innererror["code"] == "SecretDisabled", error
refused(ResourceNotFoundError, 404, lambda: client.get_secret("other"))
client.begin_delete_secret("dek").wait()
refused(ResourceNotFoundError, 404, lambda: client.get_secret("dek"))
refused(ResourceExistsError, 409, lambda: client.set_secret("dek", "d"))
client.begin_recover_deleted_secret("dek").wait()
# The caller has throttled two requests.
print("recovered", flush=True)
sys.stdin.readline()
assert client.get_secret("dek").value == "c"
print("done", flush=True)
