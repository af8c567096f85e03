"""Reads, fails, creates and removes through pypsrp: PORT METHOD USER PASSWORD."""

import sys

from pypsrp.complex_objects import ObjectMeta
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan

port, method, user, password = sys.argv[1:]
wsman = WSMan(
    "127.0.0.1", port=int(port), path="PowerShell/", ssl=False, auth=method, username=user, password=password,
    encryption="never" if method == "basic" else "always", operation_timeout=10, read_timeout=40,
)  # fmt: skip


def run(pool, name, **parameters):
    shell = PowerShell(pool)
    shell.add_cmdlet(name)
    for parameter, value in parameters.items():
        shell.add_parameter(parameter, value)
    return shell.invoke(), shell.streams.error


with wsman, RunspacePool(wsman, configuration_name="Microsoft.Exchange") as pool:
    mailboxes, errors = run(pool, "Get-Mailbox", ResultSize="Unlimited")
    assert not errors, errors
    assert all(mailbox.adapted_properties["Guid"] for mailbox in mailboxes)
    _, errors = run(pool, "Get-Mailbox", Identity="nobody")
    assert errors[0].reason == "ManagementObjectNotFoundException", errors[0].reason
    pool.exchange_keys()
    secret = pool.serialize("Passw0rd-\u00e4\u00f6\u00fc", ObjectMeta("SS"))
    made, failed = run(pool, "New-Mailbox", Name="Zed", UserPrincipalName="zed@contoso.com", Password=secret)
    assert not failed, failed
    guid = mailboxes[0].adapted_properties["Guid"]
    run(pool, "Remove-Mailbox", Identity=str(guid), Confirm=False)
    left, _ = run(pool, "Get-Mailbox", ResultSize="Unlimited")
    print(f"{len(mailboxes)} mailboxes, {len(errors)} error, made {len(made)}, removed {len(mailboxes) + 1 - len(left)}")
