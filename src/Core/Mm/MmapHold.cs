using PageTableEmu.Atomics;

namespace PageTableEmu.Mm;

/// <summary>
/// A hold of an address space's mmap_lock that ends with its scope, also when a damaged image throws; made by
/// <see cref="AddressSpaces{TModel}.HoldRead"/> and <see cref="AddressSpaces{TModel}.HoldWrite"/>.
/// </summary>
public readonly ref struct MmapHold<TModel>
    where TModel : IModel
{
    private readonly AddressSpaces<TModel> spaces;
    private readonly uint space;
    private readonly bool write;

    internal MmapHold(AddressSpaces<TModel> spaces, uint space, bool write)
    {
        this.spaces = spaces;
        this.space = space;
        this.write = write;
        if (write)
            spaces.AcquireWrite(space);
        else
            spaces.AcquireRead(space);
    }

    /// <summary>Gives the lock back.</summary>
    public void Dispose()
    {
        if (write)
            spaces.ReleaseWrite(space);
        else
            spaces.ReleaseRead(space);
    }
}
