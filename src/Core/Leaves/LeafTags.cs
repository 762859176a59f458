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

    private static bool IsOn => TArch.TagBytesPerPage != 0 && TArch.KeepsTagsByAddress;

    internal bool Save(in Leaf<TArch, TModel> leaf, Pte old, uint frame, out TagSaveToken token) =>
        TArch.Save(storage, SpaceOf(leaf), leaf.Address, old, frame, out token);

    internal void Undo(in TagSaveToken token) => TArch.Undo(storage, token);

    internal void Adopt(in TagSaveToken token) => TArch.Adopt(storage, token);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Restore(in Leaf<TArch, TModel> leaf, Pte now)
    {
        if (IsOn)
            TArch.Restore(storage, SpaceOf(leaf), leaf.Address, now, (uint)TArch.FrameOf(now, 1));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void OnDuplicate(in Leaf<TArch, TModel> source, in Leaf<TArch, TModel> destination)
    {
        if (IsOn)
            TArch.OnDuplicate(storage, SpaceOf(source), SpaceOf(destination), source.Address);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void OnMove(in Leaf<TArch, TModel> source, in Leaf<TArch, TModel> destination)
    {
        if (IsOn)
            TArch.OnMove(storage, SpaceOf(source), source.Address, destination.Address);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void OnDrop(in Leaf<TArch, TModel> leaf)
    {
        if (IsOn)
            TArch.OnDrop(storage, SpaceOf(leaf), leaf.Address);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool OnMoveTable(uint table, ulong oldAddress, ulong newAddress) =>
        !IsOn || TArch.OnMoveRange(storage, (uint)frames[table].Mapping, oldAddress, newAddress, 1UL << TArch.LevelShift(2));

    private uint SpaceOf(in Leaf<TArch, TModel> leaf) => (uint)frames[leaf.FrameOfTable(tables)].Mapping;
}
