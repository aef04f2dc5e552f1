"""Hours of mixed traffic with faults and leavers: python -m bench.soak, or `make soak`.

    body      what is sent, made from a number       origin   answers, and fails, as its path says
    kinds     what a client asks, and what may come  client   asks it, and says what came of it
    watch     descriptors and memory, sampled        judge    whether they grow, with an interval. Pure
    run       all of it, for some seconds            report   what is said at the end

Every byte of every body is compared with what its number says, so an answer that is cut, mixed with another's
or meant for somebody else is seen. Where the origin fails, the proxy has to say so or leave the answer
visibly incomplete.
"""
