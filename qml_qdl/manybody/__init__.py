"""Many-body physics."""
from qml_qdl.manybody.states import *
from qml_qdl.manybody.samplers import *
from qml_qdl.manybody.reconfiguration import *
