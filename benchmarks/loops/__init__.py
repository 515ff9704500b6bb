"""The loops as a person would run them: a master loop, a continuous loop beside it, and kill -9 between them.

__main__.py      python -m benchmarks.loops --minutes 40 --report docs/loops.md
command.py       a command of ours, started, asked, ended
story.py         what is done, step by step, and what is seen at each step
judge.py         what must hold afterwards
report.py        all of it as a page
minutes.yaml     settings with which an iteration takes minutes on two cores
seconds.yaml     settings with which it takes seconds, and nothing is learned
"""
