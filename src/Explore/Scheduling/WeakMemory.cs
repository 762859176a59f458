using PageTableEmu.Atomics;

namespace PageTableEmu.Explore.Scheduling;

/// <summary>Store buffers and early loads.</summary>
/// <remarks>
/// <para>A store waits in its actor's buffer. When it reaches memory matters only to others who touch the same word, so that is decided as late
/// as then: at a load, read-modify-write or arriving store of a word for which another actor has stores waiting, it is chosen how many of those
/// come first. In total store order what stands before them in the buffer comes with them; in the relaxed order only stores of the same word
/// do. A fence and a read-modify-write empty the actor's buffer; what is left when all have finished arrives then.</para>
/// <para>In the relaxed order a load may have been made at any earlier time after the actor's last fence, but not before what the actor has
/// already seen of that word. The memory keeps the values that words had for that.</para>
/// </remarks>
internal sealed class WeakMemory
{
    private const int Capacity = 16;

    private readonly Scheduler scheduler;
    private readonly bool relaxed;
    private readonly Func<nuint, bool>? covers;
    private readonly List<(WatchedWord Word, ulong Value)>[] buffers;
    private readonly List<(nuint Address, ulong Before)> history = []; // position = time at which the value was overwritten
    private readonly int[] fenced;
    private readonly Dictionary<(int Actor, nuint Address), int> seen = [];
    private uint arriving; // actors of which a store is just reaching memory: their younger ones must not overtake it

    internal WeakMemory(Scheduler scheduler, ExplorerOptions options)
    {
        this.scheduler = scheduler;
        relaxed = options.MemoryOrder == MemoryOrder.Relaxed;
        covers = options.WeakWords;
        buffers = [.. scheduler.Names.Select(_ => new List<(WatchedWord, ulong)>())];
        fenced = new int[buffers.Length];
    }

    internal void Begin()
    {
        foreach (List<(WatchedWord, ulong)> buffer in buffers)
            buffer.Clear();
        history.Clear();
        seen.Clear();
        arriving = 0;
        Array.Clear(fenced);
    }

    internal void Store(int actor, WatchedWord word, ulong value)
    {
        if (covers is not null && !covers(word.Address))
        {
            Empty(actor); // an ordinary store of a machine that has no weak words but the chosen ones
            Arrive(actor, word, value);
            return;
        }

        buffers[actor].Add((word, value));
        if (buffers[actor].Count > Capacity)
            ArriveFirst(actor);
    }

    internal ulong Load(int actor, WatchedWord word)
    {
        for (int index = buffers[actor].Count - 1; index >= 0; index--)
        {
            if (buffers[actor][index].Word.Address == word.Address)
                return buffers[actor][index].Value; // an actor sees its own stores at once
        }

        Settle(actor, word.Address, choose: true);
        return relaxed && (covers is null || covers(word.Address)) ? LoadEarly(actor, word) : word.Value;
    }

    internal void Fence(int actor)
    {
        Empty(actor);
        fenced[actor] = history.Count;
    }

    internal void BeforeReadModifyWrite(int actor, nuint address)
    {
        Fence(actor);
        Settle(actor, address, choose: true);
        history.Add((address, new WatchedWord(address & ~(nuint)3, (address & 7) == 0 ? 8 : 4).Value));
        fenced[actor] = history.Count;
    }

    /// <summary>All stores of a word arrive: somebody waits for it.</summary>
    internal void Settle(int actor, WatchedWord word)
    {
        Empty(actor);
        Settle(actor, word.Address, choose: false);
    }

    /// <summary>Whether what is still in buffers will end a wait.</summary>
    internal bool WillHold(int actor, WatchedWord word, ulong mask, ulong value)
    {
        for (int other = 0; other < buffers.Length; other++)
        {
            int last = other == actor ? -1 : buffers[other].FindLastIndex(entry => entry.Word.Address == word.Address);
            if (last >= 0 && (buffers[other][last].Value & mask) == value)
                return true;
        }

        return false;
    }

    /// <summary>Everything arrives.</summary>
    internal void Drain()
    {
        for (int actor = 0; actor < buffers.Length; actor++)
            Empty(actor);
    }

    private void Empty(int actor)
    {
        while (buffers[actor].Count != 0)
            ArriveFirst(actor);
    }

    private void ArriveFirst(int actor)
    {
        (WatchedWord word, ulong value) = buffers[actor][0];
        buffers[actor].RemoveAt(0);
        Arrive(actor, word, value);
    }

    /// <summary>A store reaches memory; what others have waiting for the word may come before it.</summary>
    private void Arrive(int actor, WatchedWord word, ulong value)
    {
        arriving |= 1u << actor;
        Settle(actor, word.Address, choose: true);
        arriving &= ~(1u << actor);
        history.Add((word.Address, word.Value));
        seen[(actor, word.Address)] = history.Count;
        word.Value = value;
    }

    private void Settle(int actor, nuint address, bool choose)
    {
        for (int other = 0; other < buffers.Length; other++)
        {
            bool skipped = other == actor || (arriving & (1u << other)) != 0;
            int waiting = skipped ? 0 : buffers[other].Count(entry => entry.Word.Address == address);
            if (waiting == 0)
                continue;
            int kept = choose ? scheduler.ChooseValue(waiting + 1) : 0;
            for (int left = waiting - kept; left > 0; left--)
                ArriveUntil(other, address);
        }
    }

    /// <summary>The oldest waiting store of a word arrives, with all that must come before it.</summary>
    private void ArriveUntil(int actor, nuint address)
    {
        List<(WatchedWord Word, ulong Value)> buffer = buffers[actor];
        while (true)
        {
            int index = relaxed ? buffer.FindIndex(entry => entry.Word.Address == address) : 0;
            (WatchedWord word, ulong value) = buffer[index];
            buffer.RemoveAt(index);
            Arrive(actor, word, value);
            if (word.Address == address)
                return;
        }
    }

    private ulong LoadEarly(int actor, WatchedWord word)
    {
        int from = Math.Max(fenced[actor], seen.GetValueOrDefault((actor, word.Address)));
        int older = 0;
        for (int time = from; time < history.Count; time++)
        {
            if (history[time].Address == word.Address)
                older++;
        }

        int chosen = older == 0 ? 0 : scheduler.ChooseValue(older + 1);
        seen[(actor, word.Address)] = history.Count;
        if (chosen == 0)
            return word.Value;
        int at = history.Count - 1;
        for (int passed = 0; ; at--)
        {
            if (history[at].Address == word.Address && ++passed == chosen)
                break;
        }

        seen[(actor, word.Address)] = at;
        return history[at].Before;
    }
}
