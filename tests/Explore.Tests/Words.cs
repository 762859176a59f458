using PageTableEmu.Atomics;
using PageTableEmu.Explore.Memory;

namespace PageTableEmu.Explore.Tests;

/// <summary>Small programs over a few words, and the set of what can come of them.</summary>
internal sealed class Words(int count)
{
    private readonly WordMemory memory = new(count);
    private readonly long[] registers = new long[16];

    internal SortedSet<string> Outcomes { get; } = new(StringComparer.Ordinal);

    internal ref ulong this[int index] => ref memory[index];

    internal long this[string register] => registers[register[0] - 'a'];

    internal void Load(char register, int word) => registers[register - 'a'] = (long)Atomic<ExploredModel>.Load(ref memory[word]);

    internal void Store(int word, ulong value) => Atomic<ExploredModel>.Store(ref memory[word], value);

    internal void Add(int word, long amount) => Atomic<ExploredModel>.Add(ref memory[word], amount);

    internal void Exchange(char register, int word, ulong value) =>
        registers[register - 'a'] = (long)Atomic<ExploredModel>.Exchange(ref memory[word], value);

    internal static void Fence() => Atomic<ExploredModel>.Fence();

    internal void Lock(int word) => WordLock<ExploredModel>.Acquire(ref memory[word]);

    internal void Unlock(int word) => WordLock<ExploredModel>.Release(ref memory[word]);

    internal void WaitFor(int word, ulong value) => Wait<ExploredModel>(ref memory[word], value);

    internal ExploredProgram Program(string shown, params Action[] bodies) => new(
        memory, [.. bodies.Select((body, index) => new Actor(((char)('A' + index)).ToString(), body))])
    {
        AtStart = () => Array.Clear(registers),
        AtEnd = () =>
        {
            Outcomes.Add(string.Join(' ', shown.Select(
                name => char.IsDigit(name) ? memory[name - '0'].ToString() : registers[name - 'a'].ToString())));
            return null;
        },
    };

    private static void Wait<TModel>(ref ulong word, ulong value)
        where TModel : IModel => TModel.WaitUntil(ref word, ulong.MaxValue, value);
}
