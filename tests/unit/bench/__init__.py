"""The instrument is itself tested: known inputs, injected faults, each seen by its metric."""
