namespace PageTableEmu.Atomics;

/// <summary>What an actor is about to do to a shared word; the first argument of <see cref="IModel.Step"/>.</summary>
/// <seealso cref="StepObserver"/>
public enum Access
{
    /// <summary>An acquire load of one word.</summary>
    Load,

    /// <summary>A release store of one word.</summary>
    Store,

    /// <summary>An atomic read-modify-write of one word (compare-exchange, exchange, add, or, and): a full fence.</summary>
    ReadModifyWrite,

    /// <summary>A full fence that touches no word (address 0).</summary>
    Fence,

    /// <summary>A copy, fill or comparison of page contents; the address is the first byte read or written.</summary>
    Bytes,
}
