"""The network: a small residual tower with global pooling, one architecture per board family.

Legend of shapes: B rows, C channels, S side of the grid, N cells, P seats, K input scalars, Q policy planes.

::

    planes [B, F, S, S] ── conv 3x3 ─(+)─ relu ── blocks ──┬── 1x1 ─(+)─ relu ── 1x1 ── policy [B, Q, S, S]
    scalars [B, K] ─────── linear ────┘                    │          └─ pooled
                                                           ├── pooled ── linear ── pass, swap [B, 2]
    block:  x ── conv 3x3 ─(+)─ relu ── conv 3x3 ─(+)─ relu├── 1x1 ── relu ── pooled ── linear ── relu ──┬── value [B, P]
            ├── pooled ── linear ─┘              │         │                                             └── eliminated [B, P]
            └────────────────────────────────────┘         └── 1x1 ── final territory [B, P + 1, S, S]

``pooled`` is the mean and the maximum over the cells of the board (KataGo, Wu 2019, section 3.3): lines, regions
and the race to a threshold are facts about the whole board. It feeds every `Arch.pool_every`-th block. The grid's
cells outside a hexagon are set to zero after the stem and after every block.

Policy planes are those of the action space (rules §20.3), so the network needs no map from outputs to actions.
Value, eliminated rings and territory are relative to the seat to move: index 0 is the mover, then the next seat.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ringrift.configs import Config
from ringrift.nets import features
from ringrift.nets.arch import Arch
from ringrift.rules.boards import board, tables


class Outputs(NamedTuple):
    """What the network says about B positions."""

    policy: Tensor  # [B, Q, S, S] logits of the spatial actions
    tail: Tensor  # [B, 2] logits of pass and swap
    value: Tensor  # [B, P] logits of "this seat wins", mover first
    eliminated: Tensor  # [B, P] final eliminated rings / VT, mover first
    territory: Tensor  # [B, P + 1, S, S] logits of the final owner: nobody, mover, next seat, ...


class ConvNorm(nn.Module):
    """Convolution without bias and a batch norm, which `folded` turns into one convolution."""

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-4, momentum=0.1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, S, S] -> [B, outputs, S, S]."""
        return self.norm(self.conv(x))  # type: ignore[no-any-return]

    def folded(self) -> nn.Conv2d:
        """The same function with the running statistics multiplied into the weights."""
        mean, var = self.norm.running_mean, self.norm.running_var
        assert mean is not None
        assert var is not None
        scale = self.norm.weight / torch.sqrt(var + self.norm.eps)
        size = self.conv.kernel_size[0]
        plain = nn.Conv2d(self.conv.in_channels, self.conv.out_channels, size, padding=size // 2)
        with torch.no_grad():
            plain.weight.copy_(self.conv.weight * scale[:, None, None, None])
            assert plain.bias is not None
            plain.bias.copy_(self.norm.bias - mean * scale)
        return plain


def _pool(x: Tensor, cells: int) -> Tensor:
    """Mean and maximum over the board: [B, C, S, S] -> [B, 2C]. x must be >= 0, and 0 off board."""
    # max_pool2d reads channels-last memory ten times faster than amax does (36 against 378 us at [64, 32, 9, 9]).
    top = functional.max_pool2d(x, x.shape[2]).flatten(1)
    if x.dtype == torch.float16:
        # its largest number is 65504: a sum of 469 cells passes that where their mean is 140
        mean = (x.flatten(2).sum(2, dtype=torch.float32) / cells).to(x.dtype)
    else:
        mean = x.flatten(2).sum(2) / cells
    return torch.cat((mean, top), dim=1)


class Block(nn.Module):
    """A residual block; with `pooled`, the first convolution hears what the whole board says."""

    def __init__(self, channels: int, cells: int, *, pooled: bool) -> None:
        super().__init__()
        self.first: nn.Module = ConvNorm(channels, channels, 3)
        self.second: nn.Module = ConvNorm(channels, channels, 3)
        self.pool = nn.Linear(2 * channels, channels) if pooled else None
        self.cells = cells

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, S, S] -> [B, C, S, S], not yet masked."""
        y = self.first(x)
        if self.pool is not None:
            y = y + self.pool(_pool(x, self.cells))[:, :, None, None]
        y = functional.relu(y)
        return functional.relu(x + self.second(y))


class Network(nn.Module):
    """The network of one config. Build it with `init_model` or `load_model` (nets.checkpoint)."""

    #: [1, 1, S, S]: 1 on the board. A buffer, so that it follows the weights' dtype and device.
    mask: Tensor

    def __init__(self, config: Config, arch: Arch) -> None:
        super().__init__()
        b, t = board(config.board), tables(config.board)
        players, width = config.players, arch.channels
        self.config, self.arch = config, arch
        self.cells, self.side, self.planes = b.n, b.side, b.planes(players)
        self.inputs, self.scalars = features.num_planes(players), features.num_scalars(players)

        mask = torch.zeros(1, 1, b.side, b.side)
        mask[0, 0, torch.from_numpy(t.row).long(), torch.from_numpy(t.bit).long()] = 1.0
        self.register_buffer("mask", mask, persistent=False)
        #: A square fills its grid: nothing to mask.
        self.masked = b.n < b.side * b.side

        self.stem: nn.Module = ConvNorm(self.inputs, width, 3)
        self.stem_scalars = nn.Linear(self.scalars, width)
        self.blocks = nn.ModuleList(
            Block(width, b.n, pooled=(i + 1) % arch.pool_every == 0) for i in range(arch.blocks)
        )
        self.policy_conv: nn.Module = ConvNorm(width, arch.policy_width, 1)
        self.policy_pool = nn.Linear(2 * width, arch.policy_width)
        self.policy_out = nn.Conv2d(arch.policy_width, self.planes, 1)
        self.tail_out = nn.Linear(2 * width, 2)
        self.value_conv: nn.Module = ConvNorm(width, arch.value_width, 1)
        self.value_hidden = nn.Linear(2 * arch.value_width + self.scalars, arch.value_hidden)
        self.value_out = nn.Linear(arch.value_hidden, players)
        self.eliminated_out = nn.Linear(arch.value_hidden, players)
        self.territory_out = nn.Conv2d(width, players + 1, 1)

    def _trunk(self, planes: Tensor, scalars: Tensor) -> Tensor:
        """[B, F, S, S], [B, K] -> [B, C, S, S]."""
        x = functional.relu(self.stem(planes) + self.stem_scalars(scalars)[:, :, None, None])
        x = x * self.mask if self.masked else x
        for block in self.blocks:
            x = block(x)
            x = x * self.mask if self.masked else x
        return x

    def _heads(self, x: Tensor, scalars: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Policy, tail and the hidden layer of the value."""
        pooled = _pool(x, self.cells)
        p = functional.relu(self.policy_conv(x) + self.policy_pool(pooled)[:, :, None, None])
        v = functional.relu(self.value_conv(x))
        v = v * self.mask if self.masked else v
        hidden = torch.cat((_pool(v, self.cells), scalars), dim=1)
        return self.policy_out(p), self.tail_out(pooled), functional.relu(self.value_hidden(hidden))

    def forward(self, planes: Tensor, scalars: Tensor) -> Outputs:
        """All heads. planes [B, F, S, S], scalars [B, K], both as `write_features` makes them."""
        x = self._trunk(planes, scalars)
        policy, tail, hidden = self._heads(x, scalars)
        return Outputs(
            policy,
            tail,
            self.value_out(hidden),
            self.eliminated_out(hidden),
            self.territory_out(x),
        )


class PlayNetwork(Network):
    """What play needs: norms folded into convolutions, and only policy, tail and value."""

    @classmethod
    def of(cls, trained: Network) -> PlayNetwork:
        """Make one that computes what `trained` computes in evaluation mode."""
        play = cls(trained.config, trained.arch)
        play.load_state_dict(trained.state_dict())
        for parent in list(play.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, ConvNorm):
                    setattr(parent, name, child.folded())
        play.eval()
        play.requires_grad_(False)
        return play

    def forward(self, planes: Tensor, scalars: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        """Policy [B, S, S, Q] (channels last), tail [B, 2], value [B, P]."""
        policy, tail, hidden = self._heads(self._trunk(planes, scalars), scalars)
        return policy.permute(0, 2, 3, 1).contiguous(), tail.float(), self.value_out(hidden).float()


def _asked(net: Network) -> tuple[nn.Conv2d | nn.Linear, ...]:
    """Return the output layers behind logits and values."""
    return net.policy_out, net.tail_out, net.value_out


def knows_nothing(net: Network) -> bool:
    """Whether the network gives every action the same logit and every seat the same chance, in all positions."""
    return not any(
        bool(parameter.any()) for layer in _asked(net) for parameter in layer.parameters()
    )


def init_weights(net: Network, seed: int) -> None:
    """Fill a network with starting weights that depend on nothing but `seed`.

    He initialisation for what a ReLU follows. The second norm of each block starts at zero, so that a block
    starts as the identity (Goyal et al. 2017, section 5.1). The outputs that a search asks, policy and value,
    start at zero: an untrained network says the same of every position, exactly, and `knows_nothing` sees that.
    The auxiliary outputs start small.
    """
    random = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            fan_in = module.weight[0].numel()
            bound = (6.0 / fan_in) ** 0.5
            with torch.no_grad():
                module.weight.uniform_(-bound, bound, generator=random)
                if module.bias is not None:
                    module.bias.zero_()
    with torch.no_grad():
        for block in net.blocks:
            block.second.norm.weight.zero_()  # type: ignore[union-attr]
        for out in _asked(net):
            out.weight.zero_()
        for out in (net.eliminated_out, net.territory_out):
            out.weight.mul_(0.1)
