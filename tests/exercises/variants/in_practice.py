"""Right answers to the scripts of chapter 5, in other styles."""

import copy

import torch
from torch import nn
from torch.nn import functional
from torch.optim import swa_utils


def restore_by_hand(model, checkpoint):
    """Copy entry by entry, as a loader of another framework's file would."""
    own = model.state_dict()
    with torch.no_grad():
        for name, value in checkpoint.items():
            own[name.split(".", 1)[1]].copy_(value)
    return model


def restore_wrapped(model, checkpoint):
    """Put the model into the wrapper's place."""
    wrapper = nn.Module()
    wrapper.module = model
    wrapper.load_state_dict(checkpoint)
    return wrapper.module


def restore_a_copy(model, checkpoint):
    """Looks wrong: assign=True, strict=False and another model. What is assigned are clones, and all fit."""
    loaded = copy.deepcopy(model)
    state = {name[len("module.") :]: value.clone() for name, value in checkpoint.items()}
    loaded.load_state_dict(state, strict=False, assign=True)
    return loaded.eval()


def _train(model, batches, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    for x, y in batches:
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        yield


def average_by_update_bn(model, batches, rate, decay):
    averaged = copy.deepcopy(model)
    for _ in _train(model, batches, rate):
        for old, new in zip(averaged.parameters(), model.parameters(), strict=True):
            old.data = decay * old.data + (1 - decay) * new.data
    swa_utils.update_bn([x for x, _ in batches], averaged)
    return averaged.eval()


def average_by_torch(model, batches, rate, decay):
    """Looks wrong: the first update copies. It is made with the weights of the start."""
    averaged = swa_utils.AveragedModel(model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(decay))
    averaged.update_parameters(model)
    for _ in _train(model, batches, rate):
        averaged.update_parameters(model)
    swa_utils.update_bn(batches, averaged)
    return averaged.eval()


def average_of_all_weights(model, batches, rate, decay):
    """Sum up the weights of all steps, and write the statistics down."""
    shares = [decay ** len(batches)]
    shares += [(1 - decay) * decay ** (len(batches) - n) for n in range(1, len(batches) + 1)]
    kept = [copy.deepcopy(model)]
    kept += [copy.deepcopy(model) for _ in _train(model, batches, rate)]
    averaged = copy.deepcopy(kept[0]).eval()
    with torch.no_grad():
        for name, parameter in averaged.named_parameters():
            parameter.copy_(sum(s * one.get_parameter(name) for s, one in zip(shares, kept, strict=True)))
        inner = [averaged[0](x) for x, _ in batches]
        averaged[1].running_mean = torch.stack([one.mean(0) for one in inner]).mean(0)
        averaged[1].running_var = torch.stack([one.var(0) for one in inner]).mean(0)
    return averaged


def tune_in_inference_mode(model, batches, epochs, rate):
    """Looks wrong: the network is never in training mode. Only the norm would ask for it."""
    model.eval()
    optimizer = torch.optim.SGD(model[3].parameters(), lr=rate)
    for _ in range(epochs):
        for x, y in batches:
            loss = functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


def tune_on_features(model, batches, epochs, rate):
    """Compute what the head gets once."""
    with torch.no_grad():
        features = [model[:3].eval()(x) for x, _ in batches]
    head = model[3]
    for _ in range(epochs):
        for z, (_, y) in zip(features, batches, strict=True):
            (gradient,) = torch.autograd.grad(functional.cross_entropy(head(z), y), head.weight)
            head.weight.data -= rate * gradient
    return model


def tune_with_a_norm_that_stays(model, batches, epochs, rate):
    """Take the choice of mode away from the norm."""
    norm = model[1].eval()
    norm.train = lambda mode=True: norm
    model[:2].requires_grad_(False)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=rate)
    for _ in range(epochs):
        model.train()
        for x, y in batches:
            optimizer.zero_grad()
            nn.CrossEntropyLoss()(model(x), y).backward()
            optimizer.step()
    del norm.train
    return model


def port_by_state(kernel, bias, norm, settings):
    model = nn.Sequential(
        nn.Linear(*kernel.shape),
        nn.BatchNorm1d(kernel.shape[1], settings["epsilon"], 1 - settings["momentum"]),
    )
    names = ("1.weight", "1.bias", "1.running_mean", "1.running_var")
    state = {name: torch.tensor(value) for name, value in zip(names, norm, strict=True)}
    state |= {"0.weight": torch.tensor(kernel).T, "0.bias": torch.tensor(bias)}
    model.load_state_dict(state, strict=False)
    return model


def port_in_float64(kernel, bias, norm, settings):
    linear = nn.Linear(*kernel.shape, dtype=torch.float64)
    linear.weight.data = torch.from_numpy(kernel.T.copy())
    linear.bias.data = torch.from_numpy(bias)
    layer = nn.BatchNorm1d(len(bias), dtype=torch.float64)
    layer.eps, layer.momentum = settings["epsilon"], 1 - settings["momentum"]
    gamma, beta, layer.running_mean, layer.running_var = map(torch.from_numpy, norm)
    layer.weight, layer.bias = nn.Parameter(gamma), nn.Parameter(beta)
    return nn.Sequential(linear, layer).eval()


def port_without_a_bias(kernel, bias, norm, settings):
    """Looks wrong: the linear layer has no bias. The norm adds it to its input."""

    class Shifted(nn.BatchNorm1d):
        def forward(self, x):
            return super().forward(x + torch.as_tensor(bias))

    Shifted.__name__ = "BatchNorm1d"
    model = nn.Sequential(
        nn.Linear(*kernel.shape, bias=False), Shifted(len(bias), settings["epsilon"])
    ).double()
    model[1].momentum = 1.0 - settings["momentum"]
    targets = (model[1].weight.data, model[1].bias.data, model[1].running_mean, model[1].running_var)
    for target, value in zip(targets, norm, strict=True):
        target[:] = torch.tensor(value)
    model[0].weight.data[:] = torch.tensor(kernel).t()
    return model


def tokens_by_layer_norm(x, weight, bias, eps):
    return functional.layer_norm(x, x.shape[-1:], weight, bias, eps)


def tokens_one_by_one(x, weight, bias, eps):
    out = torch.empty_like(x)
    for n, sequence in enumerate(x):
        for t, token in enumerate(sequence):
            centred = token - token.mean()
            out[n, t] = weight * centred * torch.rsqrt((centred @ centred) / len(token) + eps) + bias
    return out


def tokens_by_a_group_norm(x, weight, bias, eps):
    """Looks wrong: tokens as examples, and the norm of one group. It is the same formula."""
    rows = x.reshape(-1, x.shape[-1])
    return functional.group_norm(rows, 1, weight, bias, eps).view_as(x)


def classify_picture_by_picture(model, pictures, mean, std):
    before = [(one, one.training) for one in model.modules()]
    model.eval()
    with torch.inference_mode():
        one_by_one = []
        for picture in pictures:
            channels = [(picture[..., c].double() / 255 - mean[c]) / std[c] for c in range(3)]
            one_by_one.append(model(torch.stack(channels)[None])[0])
    for one, training in before:
        one.training = training
    return torch.stack(one_by_one)


def classify_colours_last(model, pictures, mean, std):
    """Looks wrong: no division by 255, and no train(). The mean is 255-fold, and eval() is a copy's."""
    x = (pictures.double() - 255 * mean) / (255 * std)
    return copy.deepcopy(model).eval()(torch.moveaxis(x, 3, 1))


def classify_by_a_formula(model, pictures, mean, std):
    """Put the standardisation into the first layer."""
    before = model.training
    conv, *rest = model.eval()
    x = pictures.double().permute(0, 3, 1, 2)
    weight = conv.weight / (255 * std[:, None, None])
    shift = (conv.weight * (mean / std)[:, None, None]).sum((1, 2, 3))
    z = functional.conv2d(x, weight, -shift)
    for layer in rest:
        z = layer(z)
    model.train(before)
    return z.tolist()


VARIANTS = {
    "clinic.restore": [restore_by_hand, restore_wrapped, restore_a_copy],
    "clinic.average": [average_by_update_bn, average_by_torch, average_of_all_weights],
    "clinic.fine_tune": [tune_in_inference_mode, tune_on_features, tune_with_a_norm_that_stays],
    "clinic.port": [port_by_state, port_in_float64, port_without_a_bias],
    "clinic.token_norm": [tokens_by_layer_norm, tokens_one_by_one, tokens_by_a_group_norm],
    "clinic.serve": [classify_picture_by_picture, classify_colours_last, classify_by_a_formula],
}
