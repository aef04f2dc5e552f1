"""The benchmark: plan -> run -> records -> check -> stats -> report; the file between the stages is the interface."""
