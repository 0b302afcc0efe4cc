"""What every test needs, in every distribution."""

import signal

# A shell that starts something in the background tells it to ignore Ctrl-C, and its children inherit that;
# the tests that press Ctrl-C need it heard.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
