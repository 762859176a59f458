using PageTableEmu.Atomics;

namespace PageTableEmu.Explore.Tests;

/// <summary>Two or three actors with a few random loads, stores, compare-exchanges, fences and locks; values loaded decide what is stored.</summary>
internal sealed class RandomProgram
{
    private const int WordCount = 4; // the last one is a lock

    internal RandomProgram(int seed)
    {
        var random = new Random(seed);
        int actors = 2 + (seed % 2);
        var bodies = new Action[actors];
        for (int actor = 0; actor < actors; actor++)
            bodies[actor] = Body(random, actor, actors == 2 ? 4 : 2);
        Program = Words.Program("0123abc", bodies);
    }

    internal Words Words { get; } = new(WordCount);

    internal ExploredProgram Program { get; }

    private Action Body(Random random, int actor, int length)
    {
        var steps = new List<Action>();
        char register = (char)('a' + actor);
        bool locked = random.Next(3) == 0;
        for (int step = 0; step < length; step++)
            steps.Add(Step(random.Next(6), random.Next(WordCount - 1), (ulong)random.Next(1, 4), register));
        return () =>
        {
            if (locked)
                Words.Lock(WordCount - 1);
            foreach (Action step in steps)
                step();
            if (locked)
                Words.Unlock(WordCount - 1);
        };
    }

    private Action Step(int kind, int word, ulong value, char register)
    {
        string name = register.ToString();
        return kind switch
        {
            0 or 1 => () => Words.Load(register, word),
            2 => () => Words.Store(word, value + (ulong)Words[name]),
            3 => () => Atomic<ExploredModel>.CompareExchange(ref Words[word], value, (ulong)Words[name]),
            4 => Words.Fence,
            _ => () => Words.Add(word, (long)value),
        };
    }
}
