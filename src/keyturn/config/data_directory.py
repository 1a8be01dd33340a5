"""The data directory: which file stands where."""

from pathlib import Path


class DataDirectory:
    """Paths inside the data directory. Making one touches nothing."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).resolve()
        self.database = self.root / "keyturn.db"
        self.journals = self.root / "journals"
        self.secrets = self.root / "secrets"
        self.audit_checkpoints = self.root / "audit-checkpoints.jsonl"
        self.audit_signing_key = self.secrets / "audit-signing-key"
        self.run = self.root / "run"
        self.bus_socket = self.run / "bus.sock"
        """Workers ↔ control process."""
        self.relay_socket = self.run / "relay.sock"
        """HTTP from workers for other people: a key is needed."""
        self.control_socket = self.run / "control.sock"
        """HTTP from this machine's operator: no key needed, the file's mode is the check."""
        self.supervisor_pid = self.run / "supervisor.pid"
        """Holds the supervisor's process id; locked while it runs."""

    def create(self) -> None:
        """Make the directories, readable by their owner only; those that exist stay."""
        for folder in (self.root, self.journals, self.secrets, self.run):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
