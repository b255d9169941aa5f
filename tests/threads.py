"""Run something in another thread."""

import threading


def in_thread(work):
    """Run a function in another thread to its end, and return what it raises, or None."""
    raised = []

    def target():
        try:
            work()
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    return raised[0] if raised else None
