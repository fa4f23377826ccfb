# SPDX-License-Identifier: GPL-3.0-or-later
"""A time that a run is to keep to, shared among its scenarios."""
import time


class Budget:
    """Each scenario gets a share of what is left, as large as its plan is among those to come: what
    one leaves over is the others', and what one overdraws, too."""

    def __init__(self, seconds, plans, now=None):
        """plans: [(key, seconds as planned, at least)], in the order in which they come."""
        self.end = (time.monotonic() if now is None else now) + seconds
        self.plans = list(plans)

    def begin(self, key, now=None):
        """The moment at which the scenario, the next one, is to be over; None: there is no time
        left for it at all."""
        now = time.monotonic() if now is None else now
        planned, least = next((plan, least) for name, plan, least in self.plans if name == key)
        whole = sum(plan for _, plan, _ in self.plans)
        self.plans = [plan for plan in self.plans if plan[0] != key]
        left = self.end - now
        if left < least:
            return None
        return now + max(least, left * planned / whole)


def another_fits(deadline, took, now=None):
    """Whether one more block may begin, given how long the last one took: by more than half."""
    now = time.monotonic() if now is None else now
    return deadline is None or now + took / 2 <= deadline
