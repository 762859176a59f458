using PageTableEmu.Atomics;

namespace PageTableEmu.Core.Tests.Soak;

/// <summary>
/// <see cref="CheckedModel"/> with threads that stumble: now and then a thread gives its processor away just before a shared access, so that
/// narrow windows between two accesses are met on a machine with few processors too.
/// </summary>
internal readonly struct JitterModel : IModel
{
    [ThreadStatic]
    private static uint state;

    static bool IModel.Checked => true;

    /// <summary>A count above 2 goes to the overflow table, so that three forks reach it.</summary>
    static uint IModel.SlotCountLimit => 2;

    static void IModel.Step(Access access, nuint address)
    {
        uint x = state;
        if (x == 0)
            x = 0x9E3779B9 * (Owner.Thread + 1);
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        state = x;
        if ((x & 0x7F) == 0)
            Thread.Yield();
        else if ((x & 0xFFFF) == 1)
            Thread.Sleep(1);
    }
}
