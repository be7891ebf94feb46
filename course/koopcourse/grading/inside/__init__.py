"""What runs within the sandbox, the only place where a student's notebook is read and run."""
