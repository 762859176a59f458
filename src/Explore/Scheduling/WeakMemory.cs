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
    private readonly List<BufferedStore>[] buffers;
    private readonly List<(nuint Address, ulong Before)> history = []; // position = time at which the value was overwritten
    private readonly int[] fenced;
    private readonly Dictionary<(int Actor, nuint Address), int> seen = [];
    private uint arriving; // actors of which a store is just reaching memory: their younger ones must not overtake it

    internal WeakMemory(Scheduler scheduler, ExplorerOptions options)
    {
        this.scheduler = scheduler;
        relaxed = options.MemoryOrder == MemoryOrder.Relaxed;
        covers = options.WeakWords;
        buffers = [.. scheduler.Names.Select(_ => new List<BufferedStore>())];
        fenced = new int[buffers.Length];
    }

    internal void Begin()
    {
        foreach (List<BufferedStore> buffer in buffers)
            buffer.Clear();
        history.Clear();
        seen.Clear();
        arriving = 0;
        Array.Clear(fenced);
    }

    /// <summary>Whether an access makes all that waits in the actor's buffer arrive, or what is oldest there.</summary>
    internal bool Empties(int actor, Access access, nuint address) => buffers[actor].Count != 0 && access switch
    {
        Access.Fence or Access.ReadModifyWrite => true,
        Access.Store => !IsWeak(address) || buffers[actor].Count == Capacity,
        _ => false,
    };

    /// <summary>Whether a word that others touch is among those that an actor's buffer holds.</summary>
    internal bool HoldsPoint(int actor, AddressTable table)
    {
        foreach (BufferedStore store in buffers[actor])
        {
            if (table.IsPoint(actor, new Touch(0, 0, store.Index)))
                return true;
        }

        return false;
    }

    /// <summary>Whether a step touches a word of which a store may arrive when an actor makes the access that it is stopped at.</summary>
    /// <remarks>A load is as good as a store of all that it may find in the buffers of others, and of what stands there before it.</remarks>
    internal bool Conflict(AddressTable table, in Touch step, int actor, in Touch pending, bool empties)
    {
        uint coming = empties ? 1u << actor : 0; // whose buffers
        uint before;
        do
        {
            before = coming;
            for (int other = 0; other < buffers.Length; other++)
            {
                if (other != actor && (coming & (1u << other)) == 0 && MayCome(table, other, pending, coming))
                    coming |= 1u << other;
            }
        }
        while (coming != before);

        for (int other = 0; other < buffers.Length; other++)
        {
            if ((coming & (1u << other)) != 0 && Holds(table, other, step))
                return true;
        }

        return false;
    }

    /// <summary>What arrives, and in what order, because of an access that comes now.</summary>
    internal void Before(int actor, Access access, nuint address)
    {
        switch (access)
        {
            case Access.Load:
                if (Own(actor, address) < 0)
                    Settle(actor, address, choose: true);
                break;
            case Access.Store:
                if (!IsWeak(address))
                    Empty(actor); // an ordinary store of a machine that has no weak words but the chosen ones
                else if (buffers[actor].Count == Capacity)
                    ArriveFirst(actor);
                break;
            case Access.ReadModifyWrite:
                Empty(actor);
                Settle(actor, address, choose: true);
                Remember(new WatchedWord(address & ~(nuint)3, (address & 7) == 0 ? 8 : 4));
                fenced[actor] = history.Count;
                break;
            case Access.Fence:
                Empty(actor);
                fenced[actor] = history.Count;
                break;
        }
    }

    internal void Store(int actor, in BufferedStore store)
    {
        if (IsWeak(store.Word.Address))
            buffers[actor].Add(store);
        else
            Arrive(actor, store);
    }

    /// <summary>What a load finds, after <see cref="Before"/>.</summary>
    internal ulong Value(int actor, WatchedWord word)
    {
        int own = Own(actor, word.Address);
        if (own >= 0)
            return buffers[actor][own].Value; // an actor sees its own stores at once
        return relaxed && IsWeak(word.Address) ? LoadEarly(actor, word) : word.Value;
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

    private bool IsWeak(nuint address) => covers is null || covers(address);

    private bool MayCome(AddressTable table, int actor, in Touch pending, uint coming)
    {
        if (Holds(table, actor, pending))
            return true;
        for (int other = 0; other < buffers.Length; other++)
        {
            if ((coming & (1u << other)) == 0)
                continue;
            foreach (BufferedStore store in buffers[other])
            {
                if (Holds(table, actor, new Touch(0, 0, store.Index)))
                    return true;
            }
        }

        return false;
    }

    private bool Holds(AddressTable table, int actor, in Touch touch)
    {
        foreach (BufferedStore store in buffers[actor])
        {
            if (table.Conflict(touch, new Touch(0, 0, store.Index)))
                return true;
        }

        return false;
    }

    /// <summary>The actor's last store of a word that still waits; -1 for none.</summary>
    private int Own(int actor, nuint address)
    {
        List<BufferedStore> buffer = buffers[actor];
        int index = buffer.Count - 1;
        while (index >= 0 && buffer[index].Word.Address != address)
            index--;
        return index;
    }

    private void Empty(int actor)
    {
        while (buffers[actor].Count != 0)
            ArriveFirst(actor);
    }

    private void ArriveFirst(int actor)
    {
        Arrive(actor, buffers[actor][0]);
        buffers[actor].RemoveAt(0);
    }

    /// <summary>A store reaches memory; what others have waiting for the word may come before it.</summary>
    private void Arrive(int actor, in BufferedStore store)
    {
        WatchedWord word = store.Word;
        arriving |= 1u << actor;
        Settle(actor, word.Address, choose: true);
        arriving &= ~(1u << actor);
        Remember(word);
        seen[(actor, word.Address)] = history.Count;
        scheduler.Arrived(actor, store.Index, store.Issued);
        word.Value = store.Value;
    }

    private void Remember(WatchedWord word)
    {
        if (relaxed)
            history.Add((word.Address, word.Value));
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
        List<BufferedStore> buffer = buffers[actor];
        while (true)
        {
            int index = relaxed ? buffer.FindIndex(entry => entry.Word.Address == address) : 0;
            BufferedStore store = buffer[index];
            Arrive(actor, store);
            buffer.RemoveAt(index);
            if (store.Word.Address == address)
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
