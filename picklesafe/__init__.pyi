from picklesafe.closing import close as close
from picklesafe.errors import HandleChangedError as HandleChangedError
from picklesafe.errors import HandleMissingError as HandleMissingError
from picklesafe.errors import NotWorkerSafeError as NotWorkerSafeError
from picklesafe.errors import PickleSafeError as PickleSafeError
from picklesafe.errors import UnsafeHandleError as UnsafeHandleError
from picklesafe.handles.recipe import Recipe as Recipe
from picklesafe.handles.registry import register_handle as register_handle
from picklesafe.installing import defer as defer
from picklesafe.installing import install as install
from picklesafe.mixin import PickleSafeMixin as PickleSafeMixin
from picklesafe.pool import HandlePool as HandlePool
from picklesafe.resources import per_worker as per_worker

__version__: str
