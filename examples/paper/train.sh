#!/bin/sh
# Train the networks of one study of the paper: sh examples/paper/train.sh caltech256|tiny-imagenet|cifar10 SEED...
# From the root of the project; what is finished is not trained again, and what was cut off goes on.

set -eu
[ $# -ge 2 ] || { echo "usage: sh $0 caltech256|tiny-imagenet|cifar10 SEED..." >&2 && exit 2; }
study=$1
shift
case $study in # 12 at 224 pixels is the authors'; it is the same length per pixel at 64 and at 32
    caltech256) l2=12 ;;
    tiny-imagenet) l2=3.43 ;;
    cifar10) l2=1.71 ;;
    *) echo "no study is called $study; there are caltech256, tiny-imagenet and cifar10" >&2 && exit 2 ;;
esac
recipe=examples/paper/$study/recipe.toml
model=$(sed -n 's/^model = "\(.*\)"/\1/p' "$recipe")
mkdir -p "$study"

for seed in "$@"; do
    train() {
        name=$1
        shift
        shapebias --plugins-dir examples/plugins train "$recipe" -m "$model,seed=$seed" --seed "$seed" \
            -o "$study/$name-$seed.safetensors" "$@"
    }
    train standard
    train pgd-linf -a pgd:eps=8/255,steps=20,step_size=0.5,random_start=false --eps-warmup 2
    train pgd-l2 -a "pgd:norm=l2,eps=$l2,steps=20,step_size=0.5,random_start=false" --eps-warmup 2
    train fgsm -a fgsm:eps=8/255 --eps-warmup 2
    train underfit --match "$study/pgd-linf-$seed.safetensors"
done
