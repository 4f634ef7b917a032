"""The tape: a function of numbers recorded once and replayed at machine speed."""
