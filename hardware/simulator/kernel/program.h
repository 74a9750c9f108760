// What the kernel runs: a list of instructions, one for all levels and precisions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace qdl {

// factor * number + offset.
struct Angle {
  int32_t by_row;  // whether the number is a feature of a row; else it is a weight
  int32_t index;   // which number; below 0 for none
  double factor, offset;
};

// exp(i d angle (x X + y Y + z Z)); without a slot, w + i (x X + y Y + z Z).
struct Turn {
  int32_t slot;
  double d, w, x, y, z;
};

enum Axis : int32_t { ANY, ALONG_X, ALONG_Y, ALONG_Z };

// Turns of one wire, the first applied first: again a w + i (x X + y Y + z Z).
struct Chain {
  int32_t wire, first, count;
  Axis axis;           // the only one of all its turns
  bool by_row, turns;  // has angles that differ from row to row; has any
};

// exp(i phase angle), with a phase for each class of amplitudes. Those that stand side
// by side are made together.
struct Rotation {
  int32_t slot, pattern;
};

struct Pattern {
  std::vector<uint8_t> classes;  // of each amplitude
  std::vector<double> phases;    // of each class
  // The same for 16 neighbours at once, of which there are few kinds.
  std::vector<uint8_t> sixteens;
  std::vector<double> phases_of_sixteen;
};

// Amplitude k becomes factor[k] times amplitude source[k].
struct Permutation {
  std::vector<int32_t> sources, targets;
  bool affine;  // source[i ^ j] is source[i] ^ source[j] ^ source[0]; so of targets
  std::vector<double> real, imag;  // factors; empty for 1
};

// A matrix on some wires, perhaps where others have their values, or a diagonal: which
// comes with each call.
struct Dense {
  std::vector<int64_t> offsets;  // of the amplitudes that it mixes, from the first
  int64_t mask;                  // the bits of all its wires
  bool by_row, trained, diagonal;
  int64_t numbers() const {
    return 2 * (int64_t)offsets.size() * (diagonal ? 1 : (int64_t)offsets.size());
  }
};

enum Kind : int32_t { CHAINS, ROTATIONS, PERMUTATION, DENSE };

// So many chains of different wires, or rotations, from one on; or one of the others.
struct Instruction {
  Kind kind;
  int32_t index, count;
};

// The real or imaginary part of sum_k (-1)^|k & signs| conj(psi[k ^ flips]) psi[k].
struct Word {
  uint32_t signs;
  bool imaginary;
};

struct Term {
  int32_t word, output;
  double coefficient;
};

// All words that flip the same wires.
struct Flip {
  uint32_t flips;
  int32_t first, count;
};

enum Readout : int32_t { WORDS, STATE, PROBABILITIES };

struct Program {
  int32_t wires = 0, features = 0, outputs = 0;
  Readout readout = WORDS;
  bool prepared = false;         // whether the first state comes with each call
  std::vector<int32_t> weights;  // how many numbers each tensor has
  std::vector<Angle> angles;
  std::vector<Turn> turns;
  std::vector<Chain> chains;
  std::vector<int32_t> start;  // the first product state: a chain of each wire, or -1
  std::vector<Rotation> rotations;
  std::vector<Pattern> patterns;
  std::vector<Permutation> permutations;
  std::vector<Dense> matrices;
  std::vector<Instruction> instructions;
  std::vector<Word> words;
  std::vector<Term> terms;
  std::vector<Flip> flips;
  std::vector<Turn> phase;  // of the whole state: d times an angle; d without a slot
};

// One call. Strides count numbers; complex numbers count as two.
struct Call {
  int64_t rows = 0;
  const void* x = nullptr;
  int64_t x_row = 0, x_feature = 0;
  const void* prepared = nullptr;
  int64_t prepared_row = 0;
  const void* const* weights = nullptr;
  const void* const* matrices = nullptr;
  void* out = nullptr;
  void* kept = nullptr;  // the last states; null to find them again
  // On the way back: the gradient by the result, and where others shall be.
  const void* change = nullptr;
  int64_t change_row = 0, change_output = 0;
  void* x_change = nullptr;               // (rows, features); null for none
  void* prepared_change = nullptr;        // (rows, amplitudes); null for none
  void* const* matrix_changes = nullptr;  // by_row, or one for all; null for none
};

// Threads that run the same blocks together, each a share of every state.
class Team;

// What one thread does of a call: some blocks, alone or in a team.
struct Part {
  int64_t first, last;  // blocks
  char *states, *own;   // memory: the team's, and the thread's
  Team* team;           // null for a thread alone
  int64_t index, members;
};

// What one level of processors runs in one precision. Work is divided into blocks: some
// rows side by side in the lanes of vectors, or one row with amplitudes in them.
struct Level {
  int32_t lanes;
  int64_t (*blocks)(const Program&, int64_t rows);
  int64_t (*most_members)(const Program&, int64_t rows);  // of a team
  int64_t (*kept)(const Program&, int64_t rows);
  int64_t (*states)(const Program&, int64_t rows);  // bytes of memory
  int64_t (*own)(const Program&);                   // of each thread, beside them
  void (*forward)(const Program&, const Call&, const Part&);
  // Adds the gradients by angles and matrices that are the same for all rows to
  // `common`.
  void (*backward)(const Program&, const Call&, const Part&, double* common);
};

}  // namespace qdl
