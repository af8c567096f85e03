"""Loads Exchange in a session of WinRM, reads, leaves the session and takes it up again as another client would: PORT METHOD USER PASSWORD."""

import sys

from pypsrp.complex_objects import PSInvocationState
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan

port, method, user, password = sys.argv[1:]


def connect():
    return WSMan("127.0.0.1", port=int(port), path="wsman", ssl=False, auth=method, username=user, password=password,
                 encryption="always", operation_timeout=10, read_timeout=30)  # fmt: skip


def run(pool, add):
    shell = PowerShell(pool)
    add(shell)
    shell.invoke()
    return shell


def read(pool):
    return run(pool, lambda shell: shell.add_cmdlet("Get-Mailbox").add_parameter("ResultSize", "Unlimited"))


wsman = connect()
pool = RunspacePool(wsman)
pool.open()
before = "missing" if read(pool).state == PSInvocationState.FAILED else "there"
run(pool, lambda shell: shell.add_cmdlet("Add-PSSnapin").add_parameter(
    "Name", "Microsoft.Exchange.Management.PowerShell.SnapIn"))  # fmt: skip
first = len(read(pool).output)
pool.disconnect()

other = connect()
pools = RunspacePool.get_runspace_pools(other)
taken = pools[0]
taken.connect()
second = len(read(taken).output)
taken.close()
left = len(RunspacePool.get_runspace_pools(other))
print(f"{before}, {first} mailboxes, {len(pools)} pool, {second} mailboxes, {left} left")
