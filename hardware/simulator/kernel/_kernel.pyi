TEXT: str

def levels() -> list[str]: ...
def choose(name: str, small: str = ...) -> None: ...
def divide_from(work: int) -> int: ...
def program(whole: bytes, real: bytes) -> object: ...
def kept(program: object, double: int, rows: int) -> int: ...
def forward(
    program: object,
    double: int,
    threads: int,
    rows: int,
    x: int,
    x_row: int,
    x_feature: int,
    prepared: int,
    prepared_row: int,
    kept: int,
    out: int,
    *weights_and_matrices: int,
) -> None: ...
def backward(
    program: object,
    double: int,
    threads: int,
    rows: int,
    x: int,
    x_row: int,
    x_feature: int,
    prepared: int,
    prepared_row: int,
    kept: int,
    change: int,
    change_row: int,
    change_output: int,
    x_change: int,
    prepared_change: int,
    *tensors_and_changes: int,
) -> None: ...
