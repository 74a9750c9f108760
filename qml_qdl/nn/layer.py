"""A quantum circuit as a torch module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Any, TypeVar

import pennylane as qml
import torch
from torch import Tensor, nn

from qml_qdl.circuits import Block, Circuit
from qml_qdl.circuits.circuit import as_circuit, as_whole_circuit
from qml_qdl.circuits.errors import (
    ArgumentError,
    ArgumentTypeError,
    MissingAttributeError,
    SerializationError,
)
from qml_qdl.circuits.validation import validate_call
from qml_qdl.hardware.mitigation import Mitigation
from qml_qdl.hardware.options import TargetOptions
from qml_qdl.hardware.simulator.modes import is_recorded, is_traced
from qml_qdl.hardware.targets import Target
from qml_qdl.hardware.traits import traits_of
from qml_qdl.nn.execution import Execution
from qml_qdl.nn.finite import run_finite
from qml_qdl.nn.initialization import Init, initial_values, methods_by_name
from qml_qdl.nn.options import Shots
from qml_qdl.nn.qnodes import function_name, qnode_inputs, weight_shapes_of
from qml_qdl.nn.results import Rows, with_nan, without_nan
from qml_qdl.nn.running import check_inputs, example, run_layer, weights_like
from qml_qdl.nn.torchlayer_drop_in import TorchLayerDropIn, WeightsByName

ModuleT = TypeVar("ModuleT", bound=nn.Module)


@validate_call
def set_target(
    model: ModuleT, target: Target | None, shots: Shots = "keep", **options: Any
) -> ModuleT:
    """Runs every quantum layer of a model elsewhere from now on; weights stay.

    Either all layers move or, on an error, none. A QNode's function is called with
    stand-ins to know what the target would have to run, unless its code shows that
    somebody might notice; nothing runs.

    Args:
        model: Any torch module.
        target: A target's name ("auto", "aer", "aer:fake_torino", "ibm:least_busy",
            "lightning.qubit", ...), a PennyLane device or a Qiskit backend; None keeps
            each layer's own.
        shots: Number of shots, None for exact results, "keep" for each layer's own.
        **options: Any of `diff_method`, `spsa_directions`, `fuse_gradient`,
            `resilience_level`, `mitigation`, `account`, `max_qpu_seconds` and `seed`,
            as `QuantumLayer` takes them; the others are kept. A seed begins each
            layer's stream anew: layers of equal circuits then sample equal shots. After
            another account, limit or mitigation call `record_jobs` again.

    Returns:
        The model itself.

    Raises:
        ArgumentError: The model has no quantum layer.
        TargetError: The target is unknown or cannot run a layer's circuit.
        ArgumentError: It has no such `diff_method`.

    Example:
        >>> from torch import nn
        >>> from qml_qdl.circuits import AngleEncoding, BasicEntangler
        >>> from qml_qdl.nn import QuantumLayer, set_target
        >>> model = nn.Sequential(QuantumLayer(BasicEntangler(2) @ AngleEncoding(2)))
        >>> set_target(model, "lightning.qubit", shots=1000)[0].shots
        1000
    """
    layers = [module for module in model.modules() if isinstance(module, QuantumLayer)]
    if not layers:
        raise ArgumentError(
            f"model: {type(model).__name__} has no quantum layer that could move"
        )
    moved = [layer.execution.moved(target, shots, **options) for layer in layers]
    for layer, execution in zip(layers, moved, strict=True):
        layer.execution = execution
    return model


class QuantumLayer(TorchLayerDropIn):
    """A parametrised circuit as a layer: (..., num_inputs) → `(..., *output_shape)`.

    Takes a `Circuit`, or any PennyLane QNode: a drop-in for `pennylane.qnn.TorchLayer`
    with the same arguments, weights, seeds and `state_dict` keys. Weights are trained,
    and gradients flow to the inputs too, on every target. All rows of a batch run at
    once where the target can.

    Options that the present target has no use for are kept for another one.

    A QNode's results are laid side by side in the last dimension, also where the QNode
    returns a tuple, for which `TorchLayer` puts a new dimension first. With a vector of
    shots, `(number of shots, ..., outputs)` comes.

    It is a `TorchLayer` for `isinstance`: `qml.draw(layer)(x)`, `qml.specs(layer)(x)`
    and the functions of `qml.workflow` take it; a QNode's attributes, such as
    `layer.device`, are those of the layer, but setting them leaves the QNode alone.

    Of PennyLane's own tests of `TorchLayer` those fail that ask for an argument called
    "inputs" (`test_no_input`) and a weight shape for all others
    (`test_weight_shape_unspecified`), where here all others are inputs; that give
    mocks of another shape as initialisers (`test_callable_init`,
    `test_fixed_and_callable_init`); that want no shapes in `repr` (`test_str_repr`); or
    that take torch away (`test_no_torch`).

    Args:
        circuit_or_qnode: A `Circuit`, an encoding or a processing; or a QNode.
        weight_shapes: For a QNode, the shape of each trained argument, as a tuple or a
            length; all other arguments without a default, and one called "inputs",
            are inputs, in the order of the signature. None for a `Circuit`, which
            knows them.
        init_method: An initialiser by name ("uniform" over [0, 2π), the default,
            "normal", "zeros", "near_identity", "gaussian"); a function of
            `torch.nn.init`; or a mapping from weight names to either or to tensors.
        qnode: The QNode, under the name that `TorchLayer` has for the first argument.
        target: Where it runs: a target's name, a PennyLane device or a Qiskit backend.
            None means "auto" for a `Circuit`, and its own device for a QNode.
        shots: Number of shots; None for exact results; "keep" for a QNode's own, and
            exact results for a `Circuit`.
        diff_method: How gradients are computed, as PennyLane names it ("backprop",
            "adjoint", "parameter-shift", ...); "best" chooses, or keeps a QNode's own.
            Qiskit targets have "parameter-shift", which is the best there, and "spsa",
            both for all rows at once.
        spsa_directions: With "spsa": how many directions an estimate of the gradient
            takes, each of which costs two runs of every row; None for 1.
        fuse_gradient: On Qiskit targets: whether the runs that gradients need go into
            the job of the forward pass (None or True), or into one of their own on the
            way back (False).
        resilience_level: On a target "ibm:...": 0, 1 or 2 has expectation values come
            from IBM's estimator, with its error mitigation of that level.
        mitigation: On Aer, simulated machines and IBM's: "readout" undoes errors of
            reading, "zne" extrapolates noise to zero, "readout+zne" does both; or a
            `Mitigation`. Only expectation values can be mitigated.
        account: On a target "ibm:...": name of a saved account; None for the default.
        max_qpu_seconds: On a target "ibm:...": a job that would take more is refused;
            None for 60.
        seed: Seed of simulated shots and of SPSA's directions, ≥ 0: a stream of the
            layer's own, of which its `state_dict` keeps the position, so that a
            training goes on bit for bit. Layers with the same seed and equal circuits
            sample the same shots. None has shots follow `torch.manual_seed`.
        generator: Random numbers for the initial weights; None for torch's own.
        device: Where the weights are, a torch device.
        dtype: Floating type of the weights; None for that of a tensor given as
            `init_method`, else torch's default.

    Shape:
        - Input: (..., num_inputs), floating; one tensor for each input of a QNode, with
          the same leading dimensions, also of whole numbers, which it gets as they are.
          Angles in radians.
        - Output: `(..., *output_shape)`, of the input's dtype and device. NaN in a row
          makes that row NaN, also where shots are sampled; where samples are read out,
          which are whole numbers and have no NaN, it is refused.

    Raises:
        ArgumentError: An argument's value does not fit; the message says the repair.
        ArgumentTypeError: An argument has another type.
        TargetError: The target is unknown or cannot run the circuit.

    Warns:
        UserWarning: Nothing entangles one of the circuit's wires with the others, as
            where an encoding is wider than the processing after it.

    Example:
        >>> import torch
        >>> from qml_qdl.circuits import AngleEncoding, StronglyEntangling
        >>> from qml_qdl.nn import QuantumLayer
        >>> layer = QuantumLayer(StronglyEntangling(4, layers=2) @ AngleEncoding(4))
        >>> layer(torch.rand(8, 4)).shape
        torch.Size([8, 4])
    """

    @validate_call
    def __init__(
        self,
        circuit_or_qnode: Circuit | Block | Any = None,
        weight_shapes: Mapping[str, int | Iterable[int]] | None = None,
        init_method: Init | Mapping[str, Init] | None = None,
        qnode: Any = None,  # not keyword-only: those are options of convolutions too
        *,
        target: Target | None = None,
        shots: Shots = "keep",
        diff_method: str = "best",
        spsa_directions: int | None = None,
        fuse_gradient: bool | None = None,
        resilience_level: int | None = None,
        mitigation: Mitigation | str | None = None,
        account: str | None = None,
        max_qpu_seconds: float | None = None,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        nn.Module.__init__(self)  # TorchLayer's own is another
        if qnode is not None:
            if circuit_or_qnode is not None:
                raise ArgumentError(
                    "qnode: it is another name of circuit_or_qnode, expected one of "
                    f"them, got {circuit_or_qnode!r} and {qnode!r}; leave one out"
                )
            circuit_or_qnode = qnode
        if isinstance(circuit_or_qnode, Circuit | Block):
            if weight_shapes is not None:
                raise ArgumentError(
                    "weight_shapes: a Circuit knows its own, "
                    f"{as_circuit(circuit_or_qnode).weight_shapes}; leave it out"
                )
            source: Any = as_whole_circuit(circuit_or_qnode)
            shapes = source.weight_shapes
            inputs: tuple[str, ...] = ("inputs",) if source.num_inputs else ()
        elif isinstance(circuit_or_qnode, qml.QNode):
            source = circuit_or_qnode
            if source.interface not in ("auto", "torch"):
                raise ArgumentError(
                    "circuit_or_qnode: Invalid interface: expected a QNode with "
                    f"interface 'auto' or 'torch', got {source.interface!r}; make it "
                    "with interface='torch'"
                )
            shapes = weight_shapes_of(weight_shapes)
            inputs = qnode_inputs(source, tuple(shapes), self._input_arg)
        else:
            raise ArgumentTypeError(
                "circuit_or_qnode: expected a Circuit or a PennyLane QNode, got "
                f"{circuit_or_qnode!r}"
            )
        options = TargetOptions(
            spsa_directions=spsa_directions,
            fuse_gradient=fuse_gradient,
            resilience_level=resilience_level,
            mitigation=mitigation,
            account=account,
            max_qpu_seconds=max_qpu_seconds,
            seed=seed,
        )
        self.weight_shapes: dict[str, tuple[int, ...]] = dict(shapes)
        how = (target, shots, diff_method, options)
        self.execution = Execution(
            source, inputs, *how, weight_shapes=self.weight_shapes
        )
        self._init_method = methods_by_name(init_method, self.weight_shapes)
        if dtype is not None and not dtype.is_floating_point:
            raise ArgumentError(
                f"dtype: expected a floating type such as torch.float64, got {dtype}"
            )
        for name, shape in self.weight_shapes.items():
            if hasattr(type(self), name) or name in vars(self):
                raise ArgumentError(
                    f"weight_shapes: {name!r} is an attribute every layer has; give "
                    "the weight another name"
                )
            method = self._init_method[name]
            given = None
            if isinstance(method, Tensor) and method.is_floating_point():
                given = method.dtype
            values = torch.empty(shape, device=device, dtype=dtype or given)
            self.register_parameter(name, nn.Parameter(values))
        self.reset_parameters(generator)
        module: Any = self  # torch's hooks have no types
        module.register_state_dict_post_hook(_keep_position)
        module.register_load_state_dict_pre_hook(_find_position)

    @property
    def circuit(self) -> Circuit:
        """The circuit the layer was made from.

        Raises:
            MissingAttributeError: It was made from a QNode.
        """
        if isinstance(self.execution.source, Circuit):
            return self.execution.source
        raise MissingAttributeError(
            "circuit: this layer was made from a QNode; use layer.qnode"
        )

    @property
    def qnode(self) -> Any:
        """The PennyLane QNode the layer stands for, on its present target.

        Call it with `layer.arguments(inputs)`; every PennyLane transform serves on it.
        """
        return self.execution.qnode

    @property
    def qnode_weights(self) -> MutableMapping[str, Tensor]:
        """The weights by name, always the present ones.

        A `torch.nn.Parameter` that is assigned becomes the weight. Of any other tensor
        the values are written into the weight, or, where it needs gradients, it covers
        the weight, so that gradients flow to what it was made of: until the next
        assignment, `reset_parameters` or `load_state_dict`.
        """
        return WeightsByName.of(self)

    @property
    def shots(self) -> int | tuple[int, ...] | None:
        """The number of shots; None where results are exact.

        Several numbers where the QNode has a vector of them.
        """
        return self.execution.shot_vector or self.execution.num_shots

    @property
    def target(self) -> Target | None:
        """The target, as given; None for a QNode's own device."""
        return self.execution.target

    def set_target(
        self, target: Target | None, shots: Shots = "keep", **options: Any
    ) -> QuantumLayer:
        """Runs the layer elsewhere from now on; weights stay.

        Args:
            target: A target's name, a PennyLane device or a Qiskit backend; None keeps
                the present one.
            shots: Number of shots, None for exact results, "keep" for the present.
            **options: Any of `diff_method`, `spsa_directions`, `fuse_gradient`,
                `resilience_level`, `mitigation`, `account`, `max_qpu_seconds` and
                `seed`, as the layer takes them; the others are kept. A seed begins its
                stream anew.

        Returns:
            The layer itself.

        Raises:
            TargetError: The target is unknown or cannot run the circuit; the layer
                stays where it was.
            ArgumentError: The target has no such `diff_method`.
        """
        self.execution = self.execution.moved(target, shots, **options)
        return self

    @validate_call
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Samples the weights anew, as at construction.

        Args:
            generator: Where random numbers come from; None for torch's own.

        Raises:
            ArgumentError: The initialiser is unknown, or has values of another shape.
        """
        circuit = self.execution.source
        if not isinstance(circuit, Circuit):
            circuit = None
        for name, weight in self._weights().items():
            values = initial_values(
                name, weight, self._init_method[name], circuit, generator
            )
            self.write_weight(name, values)

    def arguments(self, *inputs: Tensor, **named: Tensor) -> dict[str, Any]:
        """The keyword arguments with which the layer calls its QNode.

        Args:
            *inputs: One tensor for each input, (features,) or (rows, features).
            **named: Or by the names that the QNode gives them.

        Returns:
            Arguments for `layer.qnode(**arguments)`.
        """
        inputs = self._in_order(inputs, named)
        self._check(inputs)
        return self.execution.arguments(inputs, self._weights_like(inputs))

    def _weights(self) -> dict[str, Tensor]:
        """By attribute: under weight_norm, say, they are no parameters, but made."""
        # What getattr finds in the end, but it takes long for what a module registers.
        own, over = self._parameters, vars(self)
        return {
            name: getattr(self, name) if weight is None else over.get(name, weight)
            for name, weight in ((name, own.get(name)) for name in self.weight_shapes)
        }

    def _weights_like(self, inputs: Sequence[Tensor]) -> dict[str, Tensor]:
        return weights_like(self._weights(), inputs)

    def forward(self, *inputs: Tensor, **named: Tensor) -> Tensor:
        """Runs the circuit on every row of the inputs.

        Args:
            *inputs: (..., num_inputs), one tensor for each input of a QNode; a circuit
                without inputs takes none.
            **named: Or by the names that the QNode gives them; a circuit's are
                "inputs".

        Returns:
            `(..., *output_shape)`, of the input's dtype and device.

        Raises:
            ShapeError: The inputs do not fit.
            ArgumentTypeError: An input is not floating.
            ArgumentError: A row is not finite, and samples are read out.
        """
        if named:
            inputs = self._in_order(inputs, named)
        weights = self._weights()
        execution = self.execution  # read once: another thread may move the layer
        if len(inputs) == 1 and not is_recorded():
            found = execution.straight(inputs[0], [*weights.values()])
            if found is not None:
                return found
        if is_traced(inputs or weights.values()):
            from qml_qdl.nn.operators import as_operation

            return as_operation(execution, inputs, weights)
        return run_layer(execution, inputs, weights)

    def __prepare_scriptable__(self) -> None:
        raise SerializationError(
            "torch.jit.script: it compiles Python, and a circuit is more; use "
            "torch.jit.trace(model, x), or torch.export.export(model, (x,))"
        )

    def with_errors(self, *inputs: Tensor, **named: Tensor) -> tuple[Tensor, Tensor]:
        """Runs the circuit, and tells how sure the results are.

        Args:
            *inputs: As `forward` takes them.
            **named: Likewise.

        Returns:
            Values as `forward` gives them, but without gradients, and their standard
            errors: of one standard deviation, from the shots of this run; zero where
            results are exact, NaN for a single shot.

        Raises:
            ArgumentTypeError: Something else is read out than expectation values and
                probabilities; or, but on Qiskit targets, sums of Pauli words.

        Example:
            >>> import torch
            >>> from qml_qdl.circuits import AngleEncoding
            >>> from qml_qdl.nn import QuantumLayer
            >>> layer = QuantumLayer(AngleEncoding(2), shots=100)
            >>> values, errors = layer.with_errors(torch.tensor([0.0, 1.5]))
            >>> values.shape, bool(errors[0] == 0), bool(0.08 < errors[1] < 0.11)
            (torch.Size([2]), True, True)
        """
        inputs = self._in_order(inputs, named)
        self._check(inputs)
        rows = Rows.of(inputs)
        weights = self._weights_like(rows.inputs)
        execution = self.execution  # another thread may move the layer
        clean, weights, lost = without_nan(rows.inputs, weights)
        run = execution.with_errors
        if traits_of(execution.qnode.device).costs_jobs:
            values, errors = run_finite(execution, run, clean, weights, lost)[:2]
        else:
            values, errors = run(clean, weights, rows.count)
        like = example(inputs, self._weights())
        return (
            rows.restored(with_nan(values, lost), like),
            rows.restored(with_nan(errors, lost), like),
        )

    def _check(self, inputs: Sequence[Any]) -> None:
        check_inputs(self.execution, inputs)

    def extra_repr(self) -> str:
        """What `print(layer)` shows: shapes, target and shots."""
        if "execution" not in vars(self):  # in a traceback, say
            return "half-built"
        source = self.execution.source
        if isinstance(source, Circuit):
            shape = tuple(self.shots if n is None else n for n in source.output_shape)
            text = f"num_inputs={source.num_inputs}, output_shape={shape}"
        else:
            text = f"qnode={function_name(source)}"
        target = self.target if isinstance(self.target, str) else None
        return (
            f"{text}, weight_shapes={self.weight_shapes}, "
            f"target={target or self.qnode.device.name!r}, shots={self.shots}"
        )


_POSITION = "seed_position"


def _keep_position(layer: Any, state: dict[str, Any], prefix: str, _: Any) -> None:
    """Adds how far the stream of a layer's seed is; without one keys are as ever."""
    position = layer.execution.position
    if position is not None:
        state[prefix + _POSITION] = torch.tensor(position)


def _find_position(
    layer: Any, state: dict[str, Any], prefix: str, *_: Any, **__: Any
) -> None:
    """Takes it out again, also where the layer has no seed (any more).

    What was assigned over a weight gives way to what is loaded.
    """
    for name in layer.weight_shapes:
        layer.uncover(name)
    position = state.pop(prefix + _POSITION, None)
    if position is not None and layer.execution.position is not None:
        layer.execution.at(int(position))
