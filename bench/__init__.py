"""The benchmark: plan -> run -> records -> check -> stats -> report; the record file is the interface."""
