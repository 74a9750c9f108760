// The native kernel of the simulator: runs compiled programs, and their gradients.
//
// A module of Python's stable interface whose functions take addresses: it needs
// neither torch's headers nor its libraries. One text (level.inc) is compiled for
// several levels of processors, of which the caller chooses one that the processor has.

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "program.h"

// What stands between may use all that a level of processors has.
#define PRAGMA(text) _Pragma(#text)
#ifdef __clang__
#define BEGIN_AVX512                                                                 \
  PRAGMA(clang attribute push(                                                       \
      __attribute__((target(                                                         \
          "avx512f,avx512cd,avx512vl,avx512bw,avx512dq,avx2,bmi,bmi2,fma,popcnt"))), \
      apply_to = function))
#define BEGIN_AVX2                                                                 \
  PRAGMA(clang attribute push(__attribute__((target("avx2,bmi,bmi2,fma,popcnt"))), \
                              apply_to = function))
#define END_LEVEL PRAGMA(clang attribute pop)
#else
#define BEGIN_AVX512       \
  PRAGMA(GCC push_options) \
  PRAGMA(GCC target("arch=x86-64-v4,prefer-vector-width=512"))
#define BEGIN_AVX2         \
  PRAGMA(GCC push_options) \
  PRAGMA(GCC target("arch=x86-64-v3"))
#define END_LEVEL PRAGMA(GCC pop_options)
#endif

#define IN static inline __attribute__((always_inline))
#define OUT static __attribute__((noinline))
#define ALWAYS __attribute__((always_inline))

namespace qdl {

// Whether there are 32 vectors for the processor to name, whatever their size.
#ifdef __aarch64__
constexpr bool NAMES_MANY = true;
#else
constexpr bool NAMES_MANY = false;
#endif

constexpr int MOST_ENTRIES = 64;
constexpr int LOOKS = 200;

IN void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

class Team {
 public:
  // Who waits looks so many times whether all have come, then sleeps: with a processor
  // for each thread others come soon, without one they cannot come while it looks.
  Team(int64_t members, int looks) : rooms(members), members(members), looks(looks) {}

  // Returns when all members are here.
  void meet() {
    uint32_t now = round.load(std::memory_order_acquire);
    if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == members) {
      arrived.store(0, std::memory_order_relaxed);
      {
        std::lock_guard<std::mutex> lock(mutex);
        round.store(now + 1, std::memory_order_release);
      }
      all_came.notify_all();
      return;
    }
    for (int look = 0; look < looks; ++look) {
      if (round.load(std::memory_order_acquire) != now) return;
      pause();
    }
    std::unique_lock<std::mutex> lock(mutex);
    all_came.wait(lock, [&] { return round.load(std::memory_order_relaxed) != now; });
  }

  std::vector<const void*> rooms;  // of its members

 private:
  const int64_t members;
  const int looks;
  std::atomic<int64_t> arrived{0};
  std::atomic<uint32_t> round{0};
  std::mutex mutex;
  std::condition_variable all_came;
};

// Taylor's series of (sin r - r) / r^3 and (cos r - 1) / r^2 in r^2, the last term
// first.
constexpr double ODD[] = {
    -1. / 1307674368000, 1. / 6227020800, -1. / 39916800, 1. / 362880,
    -1. / 5040,          1. / 120,        -1. / 6};
constexpr double EVEN[] = {
    1. / 20922789888000, -1. / 87178291200, 1. / 479001600, -1. / 3628800,
    1. / 40320,          -1. / 720,         1. / 24,        -1. / 2};

// Pi / 2 in three parts. The first two have few digits: their products with whole
// numbers are exact below REDUCIBLE. SHIFTER, when added, leaves no digits behind the
// point.
#define R float
#define W int32_t
#define SHIFTER 0x1.8p23f
#define REDUCIBLE 12000
#define HALF_PI_1 0x1.92p0f
#define HALF_PI_2 0x1.fb4p-12f
#define HALF_PI_3 0x1.4442d18469899p-24f
#ifdef __x86_64__
BEGIN_AVX512
namespace avx512_single {
#define LANES 16
#define BITS 4
#include "level.inc"
#undef LANES
#undef BITS
}  // namespace avx512_single
END_LEVEL
BEGIN_AVX2
namespace avx2_single {
#define LANES 8
#define BITS 3
#include "level.inc"
#undef LANES
#undef BITS
}  // namespace avx2_single
END_LEVEL
#endif
namespace base_single {
#define LANES 4
#define BITS 2
#include "level.inc"
#undef LANES
#undef BITS
}  // namespace base_single
#undef R
#undef W
#undef SHIFTER
#undef REDUCIBLE
#undef HALF_PI_1
#undef HALF_PI_2
#undef HALF_PI_3

#define R double
#define W int64_t
#define SHIFTER 0x1.8p52
#define REDUCIBLE 1500000
#define HALF_PI_1 0x1.921fb544p0
#define HALF_PI_2 0x1.0b4611a6p-34
#define HALF_PI_3 0x1.3198a2e037073p-69
#ifdef __x86_64__
BEGIN_AVX512
namespace avx512_double {
#define LANES 8
#define BITS 3
#include "level.inc"
#undef LANES
#undef BITS
}  // namespace avx512_double
END_LEVEL
BEGIN_AVX2
namespace avx2_double {
#define LANES 4
#define BITS 2
#include "level.inc"
#undef LANES
#undef BITS
}  // namespace avx2_double
END_LEVEL
#endif
namespace base_double {
#define LANES 2
#define BITS 1
#include "level.inc"
#undef LANES
#undef BITS
}  // namespace base_double

struct Named {
  const char* name;
  const Level *single, *twice;
};

static const Named LEVELS[] = {
#ifdef __x86_64__
    {"avx512", &avx512_single::level, &avx512_double::level},
    {"avx2", &avx2_single::level, &avx2_double::level},
#endif
    {"base", &base_single::level, &base_double::level},
};

static bool is_supported([[maybe_unused]] const std::string& name) {
#ifdef __x86_64__
  __builtin_cpu_init();
  if (name == "avx512") return __builtin_cpu_supports("x86-64-v4");
  if (name == "avx2") return __builtin_cpu_supports("x86-64-v3");
#endif
  return true;
}

static const Named *chosen = nullptr, *narrow = nullptr;

// What is small is done sooner in narrower vectors (measured): few rows fill them, and
// the widest slow down all that runs around them.
static const Level* level_of(const Program& p, int64_t rows, bool twice) {
  const Level* wide = twice ? chosen->twice : chosen->single;
  const Level* few = twice ? narrow->twice : narrow->single;
  bool fit = rows >= few->lanes && rows < wide->lanes;
  return p.wires <= 10 && (fit || rows << p.wires <= 4096) ? few : wide;
}

// Memory of a thread for its calls; large pieces are given back.
struct Workspace {
  char* memory = nullptr;
  int64_t size = 0;
  ~Workspace() { std::free(memory); }
  char* of(int64_t wanted) {
    if (wanted <= size) return memory;
    std::free(memory);
    int64_t page = wanted < LARGE / 2 ? 4096 : LARGE;
    size = (wanted + page - 1) / page * page;
    memory = static_cast<char*>(std::aligned_alloc(page, size));
    if (!memory && page == LARGE) {  // may still be had where large pages may not
      page = 4096;
      memory = static_cast<char*>(std::aligned_alloc(page, size));
    }
    if (!memory) size = 0;
#ifdef MADV_HUGEPAGE
    // States are gone through in strides: with small pages, most of the time is spent
    // on finding them. Where it cannot be had, nothing changes.
    if (memory && page == LARGE) madvise(memory, size, MADV_HUGEPAGE);
#endif
    return memory;
  }
  void shrink() {
    if (size <= MOST_IDLE) return;
    std::free(memory);
    memory = nullptr;
    size = 0;
  }
  static constexpr int64_t MOST_IDLE = 32 << 20, LARGE = 2 << 20;
};

static thread_local Workspace workspace;

// Reads a program from two lists of numbers.
struct Reader {
  const int32_t* whole;
  Py_ssize_t wholes;
  const double* real;
  Py_ssize_t reals;
  bool failed = false;

  int32_t next() {
    if (!wholes) return failed = true, 0;
    --wholes;
    return *whole++;
  }
  double number() {
    if (!reals) return failed = true, 0;
    --reals;
    return *real++;
  }
  template <class T, class F>
  void list(std::vector<T>& into, F one) {
    int32_t count = next();
    for (int32_t i = 0; i < count && !failed; ++i) into.push_back(one());
  }
};

static std::unique_ptr<Program> read(Reader& r) {
  auto p = std::make_unique<Program>();
  auto whole = [&] { return r.next(); };
  auto real = [&] { return r.number(); };
  auto turn = [&] {
    Turn t{};
    t.slot = r.next(), t.d = real(), t.w = real(), t.x = real(), t.y = real(),
    t.z = real();
    return t;
  };
  p->wires = r.next();
  p->features = r.next();
  p->outputs = r.next();
  p->readout = static_cast<Readout>(r.next());
  p->prepared = r.next();
  r.list(p->weights, whole);
  r.list(p->angles, [&] {
    Angle a{};
    a.by_row = r.next(), a.index = r.next();
    a.factor = real(), a.offset = real();
    return a;
  });
  r.list(p->turns, turn);
  r.list(p->chains, [&] {
    Chain c{};
    c.wire = r.next(), c.first = r.next(), c.count = r.next();
    c.axis = static_cast<Axis>(r.next());
    c.by_row = r.next(), c.turns = r.next();
    return c;
  });
  r.list(p->start, whole);
  r.list(p->rotations, [&] { return Rotation{r.next(), r.next()}; });
  r.list(p->patterns, [&] {
    Pattern found;
    r.list(found.phases, real);
    r.list(found.classes, [&] { return static_cast<uint8_t>(r.next()); });
    r.list(found.sixteens, [&] { return static_cast<uint8_t>(r.next()); });
    r.list(found.phases_of_sixteen, real);
    return found;
  });
  r.list(p->permutations, [&] {
    Permutation found;
    r.list(found.sources, whole);
    r.list(found.real, real);
    r.list(found.imag, real);
    found.targets.resize(found.sources.size());
    found.affine = true;
    for (size_t k = 0; k < found.sources.size(); ++k) {
      found.targets[found.sources[k]] = static_cast<int32_t>(k);
      size_t low = k & -k;  // k without it has been looked at
      found.affine &= found.sources[k] ==
                      (found.sources[k ^ low] ^ found.sources[low] ^ found.sources[0]);
    }
    return found;
  });
  r.list(p->matrices, [&] {
    Dense found{};
    found.by_row = r.next(), found.trained = r.next(), found.diagonal = r.next();
    found.mask = r.next();
    r.list(found.offsets, whole);
    return found;
  });
  r.list(p->instructions,
         [&] { return Instruction{static_cast<Kind>(r.next()), r.next(), r.next()}; });
  r.list(p->words,
         [&] { return Word{static_cast<uint32_t>(r.next()), r.next() != 0}; });
  r.list(p->terms, [&] { return Term{r.next(), r.next(), real()}; });
  r.list(p->flips,
         [&] { return Flip{static_cast<uint32_t>(r.next()), r.next(), r.next()}; });
  r.list(p->phase, turn);
  return p;
}

constexpr const char* PROGRAM = "qml_qdl.kernel.program";

static void destroy(PyObject* capsule) {
  delete static_cast<Program*>(PyCapsule_GetPointer(capsule, PROGRAM));
}

static PyObject* program(PyObject*, PyObject* args) {
  const char *whole, *real;
  Py_ssize_t wholes, reals;
  if (!PyArg_ParseTuple(args, "y#y#", &whole, &wholes, &real, &reals)) return nullptr;
  Reader reader{reinterpret_cast<const int32_t*>(whole), wholes / 4,
                reinterpret_cast<const double*>(real), reals / 8};
  std::unique_ptr<Program> found;
  try {
    found = read(reader);
  } catch (const std::exception&) {
    return PyErr_NoMemory();
  }
  if (reader.failed || reader.wholes || reader.reals) {
    PyErr_SetString(PyExc_ValueError, "the lists do not make a program");
    return nullptr;
  }
  PyObject* capsule = PyCapsule_New(found.get(), PROGRAM, destroy);
  if (capsule) found.release();
  return capsule;
}

// Arguments of a function, one after the other.
struct Arguments {
  PyObject* const* at;
  Py_ssize_t left;
  const Program* program() {
    return static_cast<const Program*>(PyCapsule_GetPointer(one(), PROGRAM));
  }
  int64_t number() { return PyLong_AsLongLong(one()); }
  void* address() { return PyLong_AsVoidPtr(one()); }
  PyObject* one() {
    if (left-- > 0) return *at++;
    PyErr_SetString(PyExc_TypeError, "too few arguments");
    return Py_None;
  }
};

// A function as Python calls it: what it throws is that memory cannot be had.
template <PyObject* (*run)(Arguments)>
static PyObject* called(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (!chosen) {
    PyErr_SetString(PyExc_RuntimeError, "no level was chosen");
    return nullptr;
  }
  try {
    return run(Arguments{args, count});
  } catch (const std::exception&) {
    return PyErr_NoMemory();
  }
}

template <PyObject* (*run)(Arguments)>
static PyMethodDef fast(const char* name) {
  // Which of its types a function has, METH_FASTCALL says.
  return {name,
          reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(called<run>)),
          METH_FASTCALL, nullptr};
}

static PyObject* kept(Arguments a) {
  const Program* p = a.program();
  bool twice = a.number();
  int64_t rows = a.number();
  if (PyErr_Occurred()) return nullptr;
  return PyLong_FromLongLong(level_of(*p, rows, twice)->kept(*p, rows));
}

static void inputs(Arguments& a, Call& call) {
  call.rows = a.number();
  call.x = a.address();
  call.x_row = a.number();
  call.x_feature = a.number();
  call.prepared = a.address();
  call.prepared_row = a.number();
  call.kept = a.address();
}

// Addresses of tensors, and of their gradients on the way back.
struct Tensors {
  std::vector<const void*> values;
  std::vector<void*> changes;
  void read(Arguments& a, size_t count, bool back) {
    for (size_t i = 0; i < count && !PyErr_Occurred(); ++i) {
      values.push_back(a.address());
      if (back) changes.push_back(a.address());
    }
  }
};

// Threads of one call, which end with it: so none is left to a fork. For less work, in
// amplitudes times gates, than so much for each, one thread is faster; those of a team
// wait for each other, and fetch what others wrote: they need more.
static std::atomic<int64_t> least_work{1 << 20};
constexpr int64_t MORE_IN_TEAMS = 2;

// How threads are divided: each block is run by a team, which is one thread where there
// are enough blocks for all.
struct Division {
  int64_t blocks, teams, threads;
  int64_t states, own;  // bytes of memory: of each team, of each thread
  int64_t bytes() const { return states * teams + own * threads; }
};

static Division divide(const Program& p, const Level& level, int64_t rows,
                       int64_t threads) {
  int64_t least = least_work.load(std::memory_order_relaxed), gates = 1;
  for (const Instruction& step : p.instructions)
    gates += step.kind == PERMUTATION ? 1 : step.count;
  int64_t blocks = level.blocks(p, rows), work = (rows << p.wires) * gates,
          members = level.most_members(p, rows);
  if (least) {
    threads = std::min(threads, work / least);
    members = std::min(members,
                       work / (MORE_IN_TEAMS * least * std::max<int64_t>(1, blocks)));
  }
  Division best{blocks, 1, 1, level.states(p, rows), level.own(p)};
  double shortest = 0;
  for (int64_t teams = std::min(threads, blocks); teams > 0; --teams) {
    int64_t each = std::max<int64_t>(1, std::min(threads / teams, members));
    double rounds = static_cast<double>((blocks + teams - 1) / teams),
           time = rounds / each * (each > 1 ? 1.15 : 1);
    if (shortest && time >= shortest) continue;
    shortest = time;
    best.teams = teams, best.threads = teams * each;
  }
  return best;
}

// A division and its memory, with so many more doubles of each thread; where there is
// not enough of it, that of one thread.
static char* furnished(Division& d, const Program& p, const Level& level, int64_t rows,
                       int64_t threads, int64_t doubles) {
  d = divide(p, level, rows, threads);
  char* found = workspace.of(d.bytes() + 8 * doubles * d.threads);
  if (found || d.threads == 1) return found;
  d = divide(p, level, rows, 1);
  return workspace.of(d.bytes() + 8 * doubles);
}

// Runs one(thread, part) in each thread.
template <class F>
static void in_threads(const Division& d, char* memory, F one) {
  int64_t members = d.threads / d.teams;
  char* after = memory + d.states * d.teams;
  auto alone = [&] { one(0, Part{0, d.blocks, memory, after, nullptr, 0, 1}); };
  if (d.threads == 1) return alone();
  std::vector<std::unique_ptr<Team>> teams(d.teams);
  int looks = d.threads <= std::thread::hardware_concurrency() ? LOOKS : 0;
  if (members > 1)
    for (auto& team : teams) team = std::make_unique<Team>(members, looks);
  auto run = [&](int64_t thread) {
    int64_t team = thread / members;
    one(thread, Part{d.blocks * team / d.teams, d.blocks * (team + 1) / d.teams,
                     memory + d.states * team, after + d.own * thread,
                     teams[team].get(), thread % members, members});
  };
  // Members wait for each other: none of them begins before all are there.
  std::promise<bool> all_there;
  std::shared_future<bool> may_begin = all_there.get_future().share();
  std::vector<std::thread> others;
  int64_t thread = 1;
  try {
    for (; thread < d.threads; ++thread)
      others.emplace_back([&run, thread, members, may_begin] {
        if (members == 1 || may_begin.get()) run(thread);
      });
  } catch (const std::exception&) {
    // No more threads can be had: this one does what is left.
  }
  bool whole = thread == d.threads;
  all_there.set_value(whole);
  if (members > 1 && !whole) {
    alone();
  } else {
    run(0);
    for (; thread < d.threads; ++thread) run(thread);
  }
  for (std::thread& each : others) each.join();
}

// While it lives, other threads of Python run.
struct Unlocked {
  PyThreadState* state = PyEval_SaveThread();
  ~Unlocked() { PyEval_RestoreThread(state); }
};

static PyObject* forward(Arguments a) {
  Call call;
  const Program* p = a.program();
  bool twice = a.number();
  int64_t most = a.number();
  inputs(a, call);
  call.out = a.address();
  Tensors weights, matrices;
  if (p) weights.read(a, p->weights.size(), false);
  if (p) matrices.read(a, p->matrices.size(), false);
  call.weights = weights.values.data();
  call.matrices = matrices.values.data();
  if (PyErr_Occurred()) return nullptr;
  const Level* level = level_of(*p, call.rows, twice);
  Division division;
  char* memory = furnished(division, *p, *level, call.rows, most, 0);
  if (!memory) return PyErr_NoMemory();
  {
    Unlocked unlocked;
    in_threads(division, memory,
               [&](int64_t, const Part& part) { level->forward(*p, call, part); });
    workspace.shrink();
  }
  Py_RETURN_NONE;
}

// Gradients by angles and matrices that are the same for all rows, where they belong.
template <class T>
static void spread(const Program& p, const double* common, const Tensors& weights,
                   const Tensors& matrices) {
  int64_t first = 0, last = 0;
  for (size_t tensor = 0; tensor < p.weights.size(); ++tensor) {
    first = last;
    last += p.weights[tensor];
    T* to = static_cast<T*>(weights.changes[tensor]);
    if (!to) continue;
    std::memset(to, 0, sizeof(T) * p.weights[tensor]);
    for (size_t s = 0; s < p.angles.size(); ++s) {
      const Angle& a = p.angles[s];
      if (!a.by_row && a.index >= first && a.index < last)
        to[a.index - first] += static_cast<T>(a.factor * common[s]);
    }
  }
  common += p.angles.size();
  for (size_t i = 0; i < p.matrices.size(); ++i) {
    const Dense& d = p.matrices[i];
    T* to = static_cast<T*>(matrices.changes[i]);
    for (int64_t n = 0; n < d.numbers(); ++n, ++common)
      if (to && !d.by_row) to[n] = static_cast<T>(*common);
  }
}

static PyObject* backward(Arguments a) {
  Call call;
  const Program* p = a.program();
  bool twice = a.number();
  int64_t most = a.number();
  inputs(a, call);
  call.change = a.address();
  call.change_row = a.number();
  call.change_output = a.number();
  call.x_change = a.address();
  call.prepared_change = a.address();
  Tensors weights, matrices;
  if (p) weights.read(a, p->weights.size(), true);
  if (p) matrices.read(a, p->matrices.size(), true);
  call.weights = weights.values.data();
  call.matrices = matrices.values.data();
  call.matrix_changes = matrices.changes.data();
  if (PyErr_Occurred()) return nullptr;
  const Level* level = level_of(*p, call.rows, twice);
  int64_t numbers = p->angles.size();
  for (const Dense& d : p->matrices) numbers += d.numbers();
  Division division;
  char* memory = furnished(division, *p, *level, call.rows, most, numbers);
  if (!memory) return PyErr_NoMemory();
  {
    Unlocked unlocked;
    int64_t all = numbers * division.threads;
    double* common = reinterpret_cast<double*>(memory + division.bytes());
    std::memset(common, 0, 8 * all);
    in_threads(division, memory, [&](int64_t thread, const Part& part) {
      level->backward(*p, call, part, common + thread * numbers);
    });
    for (int64_t n = numbers; n < all; ++n) common[n % numbers] += common[n];
    if (twice)
      spread<double>(*p, common, weights, matrices);
    else
      spread<float>(*p, common, weights, matrices);
    workspace.shrink();
  }
  Py_RETURN_NONE;
}

static PyObject* levels(PyObject*, PyObject*) {
  PyObject* found = PyList_New(0);
  for (const Named& level : LEVELS) {
    if (!found || !is_supported(level.name)) continue;
    PyObject* name = PyUnicode_FromString(level.name);
    if (!name || PyList_Append(found, name)) Py_CLEAR(found);
    Py_XDECREF(name);
  }
  return found;
}

static const Named* named(const std::string& name) {
  for (const Named& level : LEVELS)
    if (name == level.name && is_supported(name)) return &level;
  PyErr_Format(PyExc_ValueError, "this processor has no level %s", name.c_str());
  return nullptr;
}

static PyObject* choose(PyObject*, PyObject* args) {
  const char *name, *few = nullptr;
  if (!PyArg_ParseTuple(args, "s|s", &name, &few)) return nullptr;
  const Named *one = named(name), *other = few ? named(few) : one;
  if (!one || !other) return nullptr;
  chosen = one, narrow = other;
  Py_RETURN_NONE;
}

static PyObject* divide_from(PyObject*, PyObject* work) {
  int64_t least = PyLong_AsLongLong(work);
  if (PyErr_Occurred()) return nullptr;
  return PyLong_FromLongLong(least_work.exchange(least));
}

static PyMethodDef METHODS[] = {
    {"levels", levels, METH_NOARGS, nullptr},
    {"choose", choose, METH_VARARGS, nullptr},
    {"divide_from", divide_from, METH_O, nullptr},
    {"program", program, METH_VARARGS, nullptr},
    fast<kept>("kept"),
    fast<forward>("forward"),
    fast<backward>("backward"),
    {nullptr, nullptr, 0, nullptr},
};

static PyModuleDef MODULE = {PyModuleDef_HEAD_INIT,
                             "_kernel",
                             nullptr,
                             0,
                             METHODS,
                             nullptr,
                             nullptr,
                             nullptr,
                             nullptr};

}  // namespace qdl

PyMODINIT_FUNC PyInit__kernel() {
  PyObject* module = PyModule_Create(&qdl::MODULE);
  if (module && PyModule_AddStringConstant(module, "TEXT", TEXT)) Py_CLEAR(module);
  return module;
}
