#!/bin/sh
# Train the four networks of the study, once for each seed: sh examples/imagenette/train.sh FOLDER SEED...
# From the root of the project; what is finished is not trained again, and what was cut off goes on.

set -eu
[ $# -ge 2 ] || { echo "usage: sh $0 FOLDER SEED..." >&2 && exit 2; }
folder=$1
shift
recipe=examples/imagenette/recipe.toml
model=$(sed -n 's/^model = "\(.*\)"/\1/p' "$recipe")
mkdir -p "$folder"

for seed in "$@"; do
    train() {
        name=$1
        shift
        shapebias train "$recipe" -m "$model,seed=$seed" --seed "$seed" -o "$folder/$name-$seed.safetensors" "$@"
    }
    train standard
    train linf -a n-fgsm:eps=4/255 --eps-warmup 3
    train l2 -a pgd:norm=l2,eps=1,steps=1,step_size=1.25 --eps-warmup 3
    train matched --match "$folder/linf-$seed.safetensors"
done
