"""Writes the event file of the tests with tensorboardX (pip install tensorboardX)."""
import glob, os, time
from tensorboardX import SummaryWriter

clock = 1767225600.0
time.time = lambda: clock
w = SummaryWriter(logdir=".")
for i in range(5):
    w.add_scalar("train/loss", float("nan") if i == 4 else 2 / (i + 1), i * 10, walltime=clock + i * 10)
    w.add_scalar("train/accuracy", i / 5, i * 10, walltime=clock + i * 10)
    w.add_histogram("weights", [1, 2, 3], i * 10, walltime=clock + i * 10)
w.close()
os.replace(glob.glob("events.out.tfevents.*")[0], "events.out.tfevents.1767225600.host")
