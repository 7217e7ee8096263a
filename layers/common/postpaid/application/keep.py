"""How a command says of a setting that it stays as it is, where None has a meaning of its own."""


class Keep:
    """Stands for "as it is"."""


KEEP = Keep()
