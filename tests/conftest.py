"""What holds for all tests, wherever they are started from."""

import signal

# Where a shell starts the tests in the background, they and all that they start ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
