"""Rows of buttons that go along the queues of what is proposed."""
