namespace PageTableEmu.Explore.Strategies;

/// <summary>Which states a depth-first search has been in, and with how many preemptions left.</summary>
/// <remarks>
/// A state is known by a 64-bit number that stands for the partial order of all accesses that led to it. Two different ones have the same number
/// with a probability of n^2/2^65 among n states: one in 300,000 for ten million.
/// </remarks>
internal sealed class VisitedStates
{
    private const int Limit = 1 << 26; // a gigabyte or so: from there on nothing new is remembered, which costs time only
    private ulong[] keys = new ulong[1 << 12];
    private byte[] budgets = new byte[1 << 12];
    private int count;

    internal int Count => count;

    internal void Clear()
    {
        Array.Clear(keys);
        count = 0;
    }

    /// <summary>Whether the state was visited with at least so many preemptions left.</summary>
    internal bool Has(ulong state, int budget)
    {
        ulong place = Find(state | 1);
        return keys[place] != 0 && budgets[place] >= budget;
    }

    /// <summary>Whether the state was visited with at least so many preemptions left; if not, it is now.</summary>
    internal bool Covers(ulong state, int budget)
    {
        state |= 1; // 0 marks an empty place
        ulong place = Find(state);
        if (keys[place] != 0)
        {
            if (budgets[place] >= budget)
                return true;
            budgets[place] = (byte)budget;
            return false;
        }

        if (count >= Limit)
            return false;
        keys[place] = state;
        budgets[place] = (byte)budget;
        if (++count * 2 > keys.Length)
            Grow();
        return false;
    }

    /// <summary>The place of a state, or the empty one where it belongs.</summary>
    private ulong Find(ulong state)
    {
        ulong mask = (ulong)keys.Length - 1;
        ulong place = (state >> 20) & mask;
        while (keys[place] != 0 && keys[place] != state)
            place = (place + 1) & mask;
        return place;
    }

    private void Grow()
    {
        (ulong[] oldKeys, byte[] oldBudgets) = (keys, budgets);
        keys = new ulong[oldKeys.Length * 2];
        budgets = new byte[keys.Length];
        for (int index = 0; index < oldKeys.Length; index++)
        {
            if (oldKeys[index] == 0)
                continue;
            ulong place = Find(oldKeys[index]);
            keys[place] = oldKeys[index];
            budgets[place] = oldBudgets[index];
        }
    }
}
