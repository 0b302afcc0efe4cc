"""Three steps by joblib.Memory."""

import steps
from joblib import Memory

memory = Memory("cache", verbose=0)
print(len(memory.cache(steps.evaluate)(memory.cache(steps.train)(memory.cache(steps.prepare)()))))
