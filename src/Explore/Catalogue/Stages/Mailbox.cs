using PageTableEmu.Atomics;
using PageTableEmu.Explore.Memory;

namespace PageTableEmu.Explore.Catalogue.Stages;

/// <summary>How one actor tells another one which frame it has got, as a request to a device does. Not part of the machine.</summary>
internal sealed class Mailbox<TModel>
    where TModel : struct, IExplored
{
    private const ulong Full = 1UL << 32;
    private readonly WordMemory word = new(1);

    /// <summary>Before each execution.</summary>
    internal void Clear() => word[0] = 0;

    /// <summary>Sends a frame, or 0 for none.</summary>
    internal void Send(uint frame) => Atomic<TModel>.Store(ref word[0], Full | frame);

    /// <summary>Waits for what is sent.</summary>
    internal uint Receive()
    {
        Wait<TModel>(ref word[0]);
        return (uint)Atomic<TModel>.Load(ref word[0]);
    }

    private static void Wait<T>(ref ulong word)
        where T : IModel => T.WaitUntil(ref word, Full, Full);
}
