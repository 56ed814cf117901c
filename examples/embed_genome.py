"""Embeds a made-up genome: `python embed_genome.py`, or step by step in a debugger with `--debug`."""

from __future__ import annotations

import argparse
import random

from dna_embedder import DNAEmbedder


def make_genome(bases: int, seed: int = 0) -> str:
    return "".join(random.Random(seed).choices("ACGT", k=bases))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bases", type=int, default=2_000)
    parser.add_argument("--debug", action="store_true", help="load in this process, where a debugger sees it")
    args = parser.parse_args()

    embedder = DNAEmbedder()
    genome = make_genome(args.bases)
    if args.debug:
        embeddings = embedder.parse_dna_embeddings(genome, num_workers=0)
    else:
        embeddings = embedder.parse_dna_embeddings(genome, num_workers=2)
    print(f"{len(embeddings)} windows, {embeddings.shape[1]} dimensions")


if __name__ == "__main__":
    main()
