using System.Runtime.InteropServices;

namespace PageTableEmu.Mm.Userfaults;

/// <summary>
/// A thread that waits for a userfaultfd: 32 bytes in <see cref="MmState"/>. What belongs to the waiter is written before
/// <see cref="State"/> says that it waits.
/// <code>
///   State: [ use number : 56 | ... | delivered : 1 | waiting : 1 | taken : 1 ]
/// </code>
/// </summary>
/// <seealso cref="UserfaultQueue{TArch, TModel}"/>
[StructLayout(LayoutKind.Sequential, Size = 32)]
public struct UserfaultSlot
{
    /// <summary>Set while a thread has the slot.</summary>
    public const ulong Taken = 1;

    /// <summary>Set until the thread is woken.</summary>
    public const ulong Waiting = Taken << 1;

    /// <summary>Set once somebody received the message.</summary>
    public const ulong Delivered = Waiting << 1;

    internal const int UseShift = 8;

    /// <summary>The bits above. Changed atomically; the use number makes every word different from those of earlier waiters.</summary>
    public ulong State;

    /// <summary>First byte of the page.</summary>
    public ulong Address;

    /// <summary>The address space.</summary>
    public uint Space;

    /// <summary>The <see cref="UserfaultKind"/>, twice, plus 1 for a store.</summary>
    public uint Kind;
}
