using System.Reflection;
using System.Runtime.InteropServices;

namespace PageTableEmu.Bench.Native;

/// <summary>The functions of native/baseline; what each does is said in its source.</summary>
// Safe: plain numbers and pointers to memory that the caller keeps in its place during the call.
internal static unsafe partial class Baseline
{
    private const string Library = "baseline";

    static Baseline() => NativeLibrary.SetDllImportResolver(typeof(Baseline).Assembly, Resolve);

    /// <summary>Loads the library, compiling it if need be.</summary>
    /// <exception cref="BaselineException">It cannot be had on this machine.</exception>
    internal static void Load() => NativeLibrary.Load(BaselineCompiler.Build());

    [LibraryImport(Library, EntryPoint = "base_thread_time")]
    internal static partial ulong ThreadTime();

    [LibraryImport(Library, EntryPoint = "base_translate")]
    internal static partial ulong Translate(byte* ram, ulong root, ulong* addresses, nint n);

    [LibraryImport(Library, EntryPoint = "base_translate_dependent")]
    internal static partial ulong TranslateDependent(byte* ram, ulong root, ulong* addresses, nint n);

    [LibraryImport(Library, EntryPoint = "base_translate_full")]
    internal static partial ulong TranslateFull(byte* ram, ulong root, ulong* addresses, nint n);

    [LibraryImport(Library, EntryPoint = "base_tlb_new")]
    internal static partial void* TlbNew();

    [LibraryImport(Library, EntryPoint = "base_tlb_free")]
    internal static partial void TlbFree(void* t);

    [LibraryImport(Library, EntryPoint = "base_tlb")]
    internal static partial ulong Tlb(void* t, byte* ram, ulong root, ulong* addresses, nint n);

    [LibraryImport(Library, EntryPoint = "base_translate_batch")]
    internal static partial ulong TranslateBatch(byte* ram, ulong root, ulong* addresses, ulong* results, nint n);

    [LibraryImport(Library, EntryPoint = "base_sparc_translate")]
    internal static partial ulong SparcTranslate(byte* ram, ulong root, ulong* addresses, nint n);

    [LibraryImport(Library, EntryPoint = "base_map_reset")]
    internal static partial void MapReset(byte* ram);

    [LibraryImport(Library, EntryPoint = "base_map")]
    internal static partial ulong Map(byte* ram, ulong address, ulong leaf, nint n);

    [LibraryImport(Library, EntryPoint = "base_map_cas")]
    internal static partial ulong MapCas(byte* ram, ulong address, ulong leaf, nint n);

    [LibraryImport(Library, EntryPoint = "base_map_range")]
    internal static partial ulong MapRange(byte* ram, ulong address, ulong leaf, nint n);

    [LibraryImport(Library, EntryPoint = "base_unmap")]
    internal static partial ulong Unmap(byte* ram, ulong address, nint n);

    [LibraryImport(Library, EntryPoint = "base_unmap_xchg")]
    internal static partial ulong UnmapXchg(byte* ram, ulong address, nint n);

    [LibraryImport(Library, EntryPoint = "base_unmap_range")]
    internal static partial ulong UnmapRange(byte* ram, ulong address, nint n);

    [LibraryImport(Library, EntryPoint = "base_leaf_sum")]
    internal static partial ulong LeafSum(byte* ram, ulong root, ulong address, nint n);

    [LibraryImport(Library, EntryPoint = "base_fork")]
    internal static partial ulong Fork(byte* ram, ulong root, byte* child, byte* records, ulong frames, ulong address, nint n);

    [LibraryImport(Library, EntryPoint = "base_teardown")]
    internal static partial ulong Teardown(byte* child, byte* records, ulong frames, ulong address, nint n);

    [LibraryImport(Library, EntryPoint = "base_vectors")]
    internal static partial int Vectors();

    [LibraryImport(Library, EntryPoint = "base_copy")]
    internal static partial ulong Copy(ulong* to, ulong* from, nint n);

    [LibraryImport(Library, EntryPoint = "base_decode")]
    internal static partial ulong Decode(ulong* to, ulong* from, nint n);

    [LibraryImport(Library, EntryPoint = "base_unpack")]
    internal static partial ulong Unpack(ulong* from, nint n);

    [LibraryImport(Library, EntryPoint = "base_pack")]
    internal static partial ulong Pack(ulong* from, nint n);

    [LibraryImport(Library, EntryPoint = "base_decode_avx2")]
    internal static partial ulong Decode256(ulong* to, ulong* from, nint n);

    [LibraryImport(Library, EntryPoint = "base_decode_avx512")]
    internal static partial ulong Decode512(ulong* to, ulong* from, nint n);

    [LibraryImport(Library, EntryPoint = "base_count_accessed")]
    internal static partial ulong CountAccessed(ulong* from, nint n);

    [LibraryImport(Library, EntryPoint = "base_list_swap")]
    internal static partial ulong ListSwap(ulong* from, nint n, uint* places);

    [LibraryImport(Library, EntryPoint = "base_clear_accessed")]
    internal static partial ulong ClearAccessed(ulong* words, nint n);

    [LibraryImport(Library, EntryPoint = "base_refs_byte")]
    internal static partial ulong RefsByte(byte* map, uint* slots, nint n);

    [LibraryImport(Library, EntryPoint = "base_refs_word")]
    internal static partial ulong RefsWord(ulong* map, uint* slots, nint n);

    [LibraryImport(Library, EntryPoint = "base_refs_cluster_lock")]
    internal static partial ulong RefsClusterLock(byte* map, uint* slots, nint n);

    [LibraryImport(Library, EntryPoint = "base_slots_fill")]
    internal static partial void SlotsFill(int percent);

    [LibraryImport(Library, EntryPoint = "base_slot_is_taken")]
    internal static partial int SlotIsTaken(uint slot);

    [LibraryImport(Library, EntryPoint = "base_slots_take")]
    internal static partial ulong SlotsTake(int twoLevel, nint n);

    [LibraryImport(Library, EntryPoint = "base_slots_give_back")]
    internal static partial void SlotsGiveBack(nint n);

    [LibraryImport(Library, EntryPoint = "base_swap_reset")]
    internal static partial void SwapReset();

    [LibraryImport(Library, EntryPoint = "base_swap_out")]
    internal static partial ulong SwapOut(byte* ram, ulong root, ulong* addresses, nint n);

    [LibraryImport(Library, EntryPoint = "base_swap_in")]
    internal static partial ulong SwapIn(byte* ram, ulong root, ulong* addresses, nint n);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path) =>
        name == Library ? NativeLibrary.Load(BaselineCompiler.Build()) : 0;
}
