"""What must survive: the database, run folders, checkpoints, locks. Never imports torch."""
