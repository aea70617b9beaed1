"""Child processes that never outlive their parent, with bounded logs, and locks that a second start finds taken."""
