using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;
using PageTableEmu.Swap;
using PageTableEmu.Tags;

namespace PageTableEmu.Leaves;

/// <summary>
/// What the primitives tell a provider that keeps metadata by address. Whose entry it is follows from the entry itself: the record of the
/// table it lies in names the address space. Nothing on all other machines.
/// </summary>
internal readonly struct LeafTags<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly PageTables<TArch, TModel> tables;
    private readonly FrameTable<TModel> frames;
    private readonly TagStorage<TModel> storage;

    internal LeafTags(PageTables<TArch, TModel> tables, FrameTable<TModel> frames, PageTags<TArch, TModel> tags)
    {
        this.tables = tables;
        this.frames = frames;
        storage = tags.Storage;
    }

    /// <summary>A constant. Every caller asks it before it hands an entry over, so that nothing is left of the call elsewhere.</summary>
    internal static bool IsOn
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TArch.TagBytesPerPage != 0 && TArch.KeepsTagsByAddress;
    }

    internal bool Save(Leaf<TArch, TModel> leaf, Pte old, uint frame, out TagSaveToken token) =>
        TArch.Save(storage, SpaceOf(leaf), leaf.Address, old, frame, out token);

    internal void Undo(in TagSaveToken token) => TArch.Undo(storage, token);

    internal void Adopt(in TagSaveToken token) => TArch.Adopt(storage, token);

    internal void Restore(Leaf<TArch, TModel> leaf, Pte now) =>
        TArch.Restore(storage, SpaceOf(leaf), leaf.Address, now, (uint)TArch.FrameOf(now, 1));

    internal void OnDuplicate(Leaf<TArch, TModel> source, Leaf<TArch, TModel> destination) =>
        TArch.OnDuplicate(storage, SpaceOf(source), SpaceOf(destination), source.Address);

    internal void OnMove(Leaf<TArch, TModel> source, Leaf<TArch, TModel> destination) =>
        TArch.OnMove(storage, SpaceOf(source), source.Address, destination.Address);

    internal void OnDrop(Leaf<TArch, TModel> leaf) =>
        TArch.OnDrop(storage, SpaceOf(leaf), leaf.Address);

    internal bool OnMoveTable(uint table, ulong oldAddress, ulong newAddress) =>
        TArch.OnMoveRange(storage, (uint)frames[table].Mapping, oldAddress, newAddress, 1UL << TArch.LevelShift(2));

    private uint SpaceOf(Leaf<TArch, TModel> leaf) => (uint)frames[leaf.FrameOfTable(tables)].Mapping;
}
