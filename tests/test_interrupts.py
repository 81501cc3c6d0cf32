import os
import signal
import threading

import pytest

from fastnst.interrupts import Stopped, held, terminable

POSIX = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")


@POSIX
@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Stopped)])
def test_a_signal_waits_for_the_end_of_what_belongs_together(number, error):
    done = []

    def work():
        with held():
            os.kill(os.getpid(), number)
            done.append("first")
            done.append("second")
        done.append("never")

    with terminable(), pytest.raises(error):
        work()
    assert done == ["first", "second"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@POSIX
def test_an_error_inside_goes_before_a_signal_and_handlers_come_back():
    with pytest.raises(ValueError, match="mine"), held():
        raise ValueError("mine")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_in_another_thread_nothing_is_held():
    done = []

    def work():
        with held():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]
