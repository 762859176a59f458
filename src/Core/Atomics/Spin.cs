namespace PageTableEmu.Atomics;

/// <summary>The waiting of machines that nobody explores: spin a little, then give the processor away.</summary>
internal static class Spin
{
    internal static void Until(ref readonly ulong word, ulong mask, ulong value)
    {
        var spin = new SpinWait();
        while ((Volatile.Read(in word) & mask) != value)
            spin.SpinOnce(sleep1Threshold: -1); // never sleep a millisecond: the holder is inside a short section
    }

    internal static void Round(int rounds)
    {
        if (rounds < 4)
            Thread.SpinWait(32);
        else
            Thread.Yield();
    }
}
