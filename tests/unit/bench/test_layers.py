"""Whose cost a sample is."""

from bench.layers import by_layer


def test_a_sample_is_the_innermost_layers_and_a_thread_that_waits_is_nobodys() -> None:
    stacks = [
        "run (uvicorn/a.py:1);write (loop.c:3) 2",
        "run (uvicorn/a.py:1);handle (fastapi_app/proxy.py:5);forward (shared/forward.py:5);sub (re.c) 3",
        "run (uvicorn/a.py:1);forward (shared/forward.py:5);begin (shared/upstream/wire/connection.py:7) 4",
        "run (uvicorn/a.py:1);_tick (shared/observe.py:9);inc (prometheus_client/values.py:2) 5",
        "run (uvicorn/a.py:1);app (starlette/routing.py:9) 6",
        "main (loop.c:1) 7",
        "_run (shared/accesslog.py:1);wait (threading.py:327) 800",
        "_run (shared/accesslog.py:1);Condition.wait (threading.py:327);acquire (python);futex (libc) 900",
        "_run (shared/accesslog.py:1);os_write (python);pthread_cond_timedwait (libc);0x7f (libc) 1000",
        "run (threading.py:982);_run (shared/accesslog.py:1);os_write (python);write (libc) 8",
    ]
    assert by_layer(stacks) == {
        "server": 2,
        "core": 3,
        "engine": 4,
        "log, metrics": 13,
        "framework": 6,
        "loop": 7,
    }
