"""The committed run, and the papers that are made from it: README, the two guides, their charts.

keep      a run into bench/results/sample      pages     papers with places to fill, and the charts
blocks    what goes into each place            code      lines of the tree, as they stand there
                                               cases     what the contract has found of whom
"""
