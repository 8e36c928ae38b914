"""Honesty checks of the people, each a function of a SpriteSource that gives plain numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch

from facelab.geometry.alignment import align_face, template, umeyama
from facelab.geometry.boxes import box_iou
from facelab.humans.sprites import Sprite, SpriteSource
from facelab.types import Faces

SIDE = 112
FRONTAL = np.radians((25.0, 20.0, 20.0))  # yaw, pitch, roll at most: "near frontal"
UNHIDDEN = 0.05  # share of the face that hair may hide in a clear render


def on_grey(sprite: Sprite, side: int) -> tuple[np.ndarray, float]:
    """Lay a sprite on mid grey, its height resized to `side`: photo, and the factor used."""
    alpha = sprite.rgba[..., 3:].astype(np.float32) / 255
    photo = (sprite.rgba[..., :3] * alpha + 128 * (1 - alpha)).astype(np.uint8)
    scale = side / photo.shape[0]
    size = (max(1, round(photo.shape[1] * scale)), side)
    mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(photo, size, interpolation=mode), scale


def clear(source: SpriteSource) -> np.ndarray:
    """Numbers of the sprites that are near frontal and not hidden."""
    table = source.table
    pose = np.stack([table["yaw"], table["pitch"], table["roll"]], axis=1)  # (N, 3)
    shown = np.asarray(table["hidden"]) <= UNHIDDEN
    for name in ("glasses", "mask", "hat"):
        if name in table:
            shown &= ~np.isin(np.asarray(table[name]).astype(str), ["dark", "1", "1.0", "True"])
    return np.flatnonzero(shown & (np.abs(pose) < FRONTAL).all(axis=1))


def found_by(
    detector: Callable[[np.ndarray], Faces], source: SpriteSource, *, count: int, seed: int = 0
) -> dict[str, Any]:
    """Share of clear renders that a detector finds, and how far its box and points lie from ours.

    A render counts as found when a detection overlaps its box with an IoU of at least 0.5.
    `box_offset`: mean of (detected - labelled) x1, y1, x2, y2 over the labelled height.
    """
    rows = np.random.default_rng(seed).permutation(clear(source))[:count]
    overlaps, errors, offsets, missed = [], [], [], []
    for row in rows:
        sprite = source[int(row)]
        photo, scale = on_grey(sprite, max(192, sprite.rgba.shape[0]))
        faces = detector(photo)
        box = torch.from_numpy(sprite.box * scale).float()
        overlap = box_iou(faces.boxes, box[None])[:, 0]
        if not len(faces) or overlap.max() < 0.5:
            missed.append(int(row))
            continue
        best = int(overlap.argmax())
        overlaps.append(float(overlap[best]))
        offsets.append(((faces.boxes[best] - box) / (box[3] - box[1])).numpy())
        if faces.landmarks is not None:
            five = sprite.five * scale
            eyes = np.linalg.norm(five[0] - five[1])
            distance = np.linalg.norm(faces.landmarks[best].numpy() - five, axis=1).mean()
            errors.append(float(distance / eyes))
    return {
        "renders": len(rows),
        "found": round(1 - len(missed) / max(1, len(rows)), 4),
        "median_iou": median(overlaps),
        "median_landmark_error": median(errors),
        "box_offset": [round(float(x), 4) for x in np.mean(offsets, axis=0)] if offsets else None,
        "missed": missed,
    }


def median(values: list[float]) -> float | None:
    """Median rounded to four places, None of nothing."""
    return round(float(np.median(values)), 4) if values else None


# What a classifier sees


def views(sprite: Sprite, side: int = 24) -> dict[str, np.ndarray]:
    """Three small pictures of a sprite, aligned: everything but the face, the face, skin colour.

    The face is the hull of its landmarks; each picture is flat, float32 in [0, 1].
    """
    matrix = aligning(sprite.five)
    alpha = sprite.rgba[..., 3:] / np.float32(255)
    solid = np.concatenate((sprite.rgba[..., :3] / np.float32(255) * alpha, alpha), axis=2)
    crop = cv2.warpAffine(solid, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
    points = sprite.landmarks @ matrix[:, :2].T + matrix[:, 2]
    hull = cv2.convexHull(points.astype(np.float32)).round().astype(np.int32)
    face = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillConvexPoly(face, hull, 1)
    inside = face[..., None].astype(np.float32)
    skin = (crop[..., :3] * inside).sum(axis=(0, 1)) / max(1.0, float(face.sum()))
    pictures = {"hair and clothes": crop * (1 - inside), "face": crop[..., :3] * inside}
    small = {
        name: cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA).ravel()
        for name, picture in pictures.items()
    }
    return {**small, "skin colour": skin}


def aligning(five: np.ndarray) -> np.ndarray:
    """The (2, 3) similarity that brings five points to the template, least squares."""
    return umeyama(torch.from_numpy(five).double(), template(SIDE).double()).numpy()


def tell_apart(
    source: SpriteSource, *, people: int, per_person: int, seed: int = 0
) -> dict[str, Any]:
    """How often a linear classifier names the person of an unseen sprite, by parts of the picture.

    Half of each person's sprites train it. `chance` is what guessing gives. Identity hangs on the
    face when "face" is far above the others; hair and skin that stay with a person show here.
    """
    rng = np.random.default_rng(seed)
    person = np.asarray(source.table["person"])
    names, counts = np.unique(person, return_counts=True)
    chosen = rng.permutation(names[counts >= 4])[:people]
    train: list[dict[str, np.ndarray]] = []
    test: list[dict[str, np.ndarray]] = []
    train_of, test_of = [], []
    for number, name in enumerate(chosen):
        rows = rng.permutation(np.flatnonzero(person == name))[:per_person]
        for place, row in enumerate(rows):
            into, of = (train, train_of) if place < len(rows) // 2 else (test, test_of)
            into.append(views(source[int(row)]))
            of.append(number)
    result: dict[str, Any] = {"people": len(chosen), "chance": round(1 / max(1, len(chosen)), 4)}
    for part in train[0]:
        x, y = (np.stack([row[part] for row in rows]) for rows in (train, test))
        right = ridge_classify(x, np.array(train_of), y) == np.array(test_of)
        result[part] = round(float(right.mean()), 4)
    return result


def ridge_classify(x: np.ndarray, labels: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    """Classify by linear regression on one-hot labels with a small penalty: (M,) labels."""
    middle, spread = x.mean(axis=0), x.std() + 1e-6
    x, unseen = (x - middle) / spread, (unseen - middle) / spread
    gram = x @ x.T  # (N, N): fewer pictures than pixels
    penalty = (0.01 * np.trace(gram) / len(gram) + 1e-6) * np.eye(len(gram))
    one_hot = np.eye(labels.max() + 1)[labels]
    return (unseen @ x.T @ np.linalg.solve(gram + penalty, one_hot)).argmax(axis=1)


def grey_crop(sprite: Sprite, side: int = 28) -> np.ndarray:
    """Aligned grey face on grey, contrast evened out: (side * side,) of mean 0 and length 1."""
    matrix = aligning(sprite.five)
    photo, _ = on_grey(sprite, sprite.rgba.shape[0])
    crop = cv2.warpAffine(photo, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)[20:108, 12:100]
    grey = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA).mean(axis=2).ravel()
    grey = grey - grey.mean()
    return grey / max(float(np.linalg.norm(grey)), 1e-6)


def embedding(net: torch.nn.Module) -> Callable[[Sprite], np.ndarray]:
    """Turn a trained embedder into a function of sprites, laid on grey and aligned."""

    def embed(sprite: Sprite) -> np.ndarray:
        photo, _ = on_grey(sprite, sprite.rgba.shape[0])
        crop = align_face(photo, torch.from_numpy(sprite.five).float())
        image = torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            return net(image)[0].numpy()

    return embed


def nearest_people(
    source: SpriteSource, embed: Callable[[Sprite], np.ndarray], *, most: int = 6
) -> dict[str, Any]:
    """How alike the two most alike people are: cosines between the mean vectors of people.

    embed: sprite -> (D,). `same_person`: median cosine between a person's own two halves.
    """
    person = np.asarray(source.table["person"])
    usable = clear(source)
    means, halves, names = [], [], []
    for name in np.unique(person[usable]):
        rows = usable[person[usable] == name][:most]
        if len(rows) < 2:
            continue
        vectors = np.stack([embed(source[int(row)]) for row in rows])
        parts = vectors[::2].mean(axis=0), vectors[1::2].mean(axis=0)
        halves.append(float(unit(parts[0]) @ unit(parts[1])))
        means.append(unit(vectors.mean(axis=0)))
        names.append(int(name))
    matrix = np.stack(means)
    alike = matrix @ matrix.T
    first, second = np.triu_indices(len(names), k=1)
    order = np.argsort(-alike[first, second])[:10]
    pairs = [
        [names[first[k]], names[second[k]], round(float(alike[first[k], second[k]]), 4)]
        for k in order
    ]
    between = alike[first, second]
    return {
        "people": len(names),
        "same_person_median": median(halves),
        "different_people_median": median(between.tolist()),
        "different_people_most": round(float(between.max()), 4),
        "most_alike": pairs,
    }


def unit(vector: np.ndarray) -> np.ndarray:
    """The vector scaled to length 1."""
    return vector / max(float(np.linalg.norm(vector)), 1e-9)
